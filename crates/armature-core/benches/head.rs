//! What understanding the head of a request costs: a short one, as load generators send it, and that of a browser.

use std::hint::black_box;

use armature_core::config::Limits;
use armature_core::protocol::h1::parse_head;
use criterion::{Criterion, criterion_group, criterion_main};

const SHORT: &str = "GET /users/42 HTTP/1.1\r\nHost: 127.0.0.1:3000\r\n\r\n";

const BROWSER: &str = "GET /articles/2026/how-to-serve?page=2&sort=new HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    Connection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not;A=Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Dest: document\r\n\
    Referer: https://www.example.com/articles\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
    Cookie: session=6f1d3a0c9b8e7f65; theme=dark; consent=all\r\n\
    If-None-Match: W/\"5f3c-18c9a7d\"\r\n\r\n";

fn decode(criterion: &mut Criterion) {
    let limits = Limits::default();
    for (name, input) in [("request decode, 2 lines", SHORT), ("request decode, a browser's", BROWSER)] {
        criterion.bench_function(name, |b| {
            b.iter(|| {
                let parsed = parse_head(black_box(input.as_bytes()), &limits).expect("a valid head");
                assert_eq!(parsed.expect("all of it").1, input.len());
            });
        });
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
