//! Commands that are sent together, and their answers.

use std::sync::Arc;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, ServerErrorKind, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Job, RedisError, Shared};

/// Sends `jobs` and tells those who wait; `stuck` is told when there is no answer in time, for a connection on which one is
/// missing is of no use any more.
pub(super) async fn send(
    jobs: Vec<Job>,
    mut connection: MultiplexedConnection,
    shared: Arc<Shared>,
    stuck: Arc<Notify>,
) {
    let (pipeline, waiting) = pipeline_of(jobs);
    let values = match run(&mut connection, &pipeline, &shared, &stuck).await {
        Ok(values) => values,
        Err(error) => return fail(waiting, &error),
    };
    let (mut again, mut unknown) = (Pipeline::new(), Vec::new());
    for ((job, value), command) in waiting.into_iter().zip(values).zip(pipeline.cmd_iter()) {
        match (&job.script, value) {
            (Some(script), Value::ServerError(error)) if error.kind() == Some(ServerErrorKind::NoScript) => {
                again.add_command(script.whole(command));
                unknown.push(job);
            }
            (_, value) => job.end(answer(value)),
        }
    }
    if unknown.is_empty() {
        return;
    }
    match run(&mut connection, &again, &shared, &stuck).await {
        Ok(values) => unknown.into_iter().zip(values).for_each(|(job, value)| job.end(answer(value))),
        Err(error) => fail(unknown, &error),
    }
}

async fn run(
    connection: &mut MultiplexedConnection,
    pipeline: &Pipeline,
    shared: &Shared,
    stuck: &Notify,
) -> Result<Vec<Value>, RedisError> {
    shared.stats.sent.add(pipeline.len() as u64);
    let answers = connection.send_packed_commands(pipeline, 0, pipeline.len());
    match timeout(shared.settings.timeout, answers).await {
        Ok(Ok(values)) if values.len() == pipeline.len() => Ok(values),
        Ok(_) => Err(RedisError::Lost),
        Err(_) => {
            stuck.notify_one();
            Err(RedisError::Timeout)
        }
    }
}

fn pipeline_of(jobs: Vec<Job>) -> (Pipeline, Vec<Job>) {
    let mut pipeline = Pipeline::with_capacity(jobs.len());
    let waiting = jobs.into_iter().map(|mut job| {
        pipeline.add_command(std::mem::take(&mut job.command));
        job
    });
    let waiting = waiting.collect();
    (pipeline, waiting)
}

fn answer(value: Value) -> Result<Value, RedisError> {
    match value {
        Value::ServerError(error) => Err(RedisError::Refused(error)),
        value => Ok(value),
    }
}

fn fail(jobs: Vec<Job>, error: &RedisError) {
    for job in jobs {
        job.end(Err(error.clone()));
    }
}
