//! A small HTTP/1.1 client on a blocking, kept-alive loopback connection.
//!
//! For the set-up, for `/metrics` and for the location reads, where a general client would cost the generator's core
//! more than the server spends. Bodies with a length or chunked; anything else is an error.

use std::io::{BufRead, BufReader, Read, Write};

use anyhow::{Context, bail, ensure};

use crate::dest::{Dest, Stream};

/// Largest body taken in, bytes.
const BODY_MAX: usize = 16 << 20;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Seconds of `Retry-After`.
    pub retry_after_s: Option<u64>,
    /// The body as text.
    pub body: String,
}

/// A connection to a server, opened when needed.
#[derive(Debug)]
pub struct Http {
    server: Dest,
    /// Decides the source address.
    index: usize,
    stream: Option<BufReader<Stream>>,
}

impl Http {
    /// A client; `index` decides its source address, as for sockets.
    pub fn new(server: &Dest, index: usize) -> Self {
        Self { server: server.clone(), index, stream: None }
    }

    /// GET with an optional bearer token.
    pub fn get(&mut self, path: &str, bearer: Option<&str>) -> anyhow::Result<Reply> {
        self.call("GET", path, bearer, None)
    }

    /// POST of a JSON body.
    pub fn post(&mut self, path: &str, bearer: &str, body: &str) -> anyhow::Result<Reply> {
        self.call("POST", path, Some(bearer), Some(body))
    }

    fn call(&mut self, method: &str, path: &str, bearer: Option<&str>, body: Option<&str>) -> anyhow::Result<Reply> {
        use std::fmt::Write;
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.server.addr);
        if let Some(bearer) = bearer {
            write!(request, "Authorization: Bearer {bearer}\r\n")?;
        }
        if let Some(body) = body {
            write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        } else {
            request.push_str("\r\n");
        }
        if let Some(stream) = self.stream.take()
            && let Ok(reply) = self.exchange(stream, &request)
        {
            return Ok(reply);
        }
        // None open yet, or the server closed it for having been idle.
        let stream = BufReader::new(self.server.connect(self.index, None)?);
        self.exchange(stream, &request).with_context(|| format!("{method} {path}"))
    }

    /// Keeps the stream for the next call unless the answer says otherwise.
    fn exchange(&mut self, mut stream: BufReader<Stream>, request: &str) -> anyhow::Result<Reply> {
        stream.get_mut().write_all(request.as_bytes())?;
        stream.get_mut().flush()?;
        let (reply, keep) = read_reply(&mut stream)?;
        self.stream = keep.then_some(stream);
        Ok(reply)
    }
}

/// Reads one answer and whether the connection stays open.
fn read_reply(stream: &mut impl BufRead) -> anyhow::Result<(Reply, bool)> {
    let status_line = read_line(stream)?;
    ensure!(status_line.starts_with("HTTP/1."), "not HTTP: {status_line:?}");
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("status line")?;
    let (mut length, mut chunked, mut keep, mut retry_after_s) = (None, false, true, None);
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<usize>().context("content-length")?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => keep = !value.eq_ignore_ascii_case("close"),
            "retry-after" => retry_after_s = value.parse().ok(),
            _ => (),
        }
    }
    let body = match length {
        _ if chunked => read_chunks(stream)?,
        Some(length) => read_exactly(stream, length)?,
        None if matches!(status, 204 | 304) => Vec::new(),
        None => bail!("an answer without a length"),
    };
    Ok((Reply { status, retry_after_s, body: String::from_utf8(body).context("body")? }, keep))
}

fn read_chunks(stream: &mut impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16).context("chunk")?;
        ensure!(body.len() + size <= BODY_MAX, "a body over {BODY_MAX} bytes");
        body.append(&mut read_exactly(stream, size)?);
        read_line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, length: usize) -> anyhow::Result<Vec<u8>> {
    ensure!(length <= BODY_MAX, "a body over {BODY_MAX} bytes");
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn read_line(stream: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    ensure!(stream.take(64 * 1_024).read_line(&mut line)? > 0, "closed");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bodies_with_a_length_and_in_chunks_are_read() {
        let mut wire: &[u8] = b"HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\nRetry-After: 3\r\n\r\n{}\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n";
        let (reply, keep) = read_reply(&mut wire).unwrap();
        assert_eq!((reply.status, reply.retry_after_s, reply.body.as_str(), keep), (429, Some(3), "{}", true));
        let (reply, keep) = read_reply(&mut wire).unwrap();
        assert_eq!((reply.status, reply.body.as_str(), keep), (200, "Wikipedia", false));
        assert!(wire.is_empty());
    }

    #[test]
    fn a_connection_is_kept_and_replaced_when_the_server_has_closed_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut http = Http::new(&Dest::plain(listener.local_addr().unwrap()), 0);
        let server = std::thread::spawn(move || {
            // Two answers on the first connection, which is then closed unasked, and one on the second.
            for answers in [2, 1] {
                let mut stream = BufReader::new(listener.accept().unwrap().0);
                for _ in 0..answers {
                    while !read_line(&mut stream).unwrap().is_empty() {}
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx").unwrap();
                }
            }
        });
        for _ in 0..3 {
            assert_eq!(http.get("/", None).unwrap().status, 200);
        }
        server.join().unwrap();
    }
}
