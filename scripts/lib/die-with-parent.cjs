// Loaded into a served child: when whoever started it is gone, however it went, the server drains and ends too.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel?.unref()
