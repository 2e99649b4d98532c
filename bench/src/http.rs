//! A lean HTTP/1.1 client: one connection, one request at a time, answers with a length. Client and server share the
//! machine, so what the client doesn't do is the server's to use.

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A kept connection.
pub struct Connection {
    socket: TcpStream,
    token: Option<String>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// An answer; the body is valid until the next request.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub async fn open(address: &str, token: Option<String>) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await.with_context(|| format!("can't connect to {address}"))?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, token, request: Vec::with_capacity(1_024), answer: Vec::with_capacity(4_096) })
    }

    /// From now on with another token, or with none.
    pub fn act_as(&mut self, token: Option<String>) {
        self.token = token;
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.send_with(method, path, "", body).await
    }

    /// The same with more headers, each with its line break.
    pub async fn send_with(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.request.clear();
        self.request.extend_from_slice(format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n").as_bytes());
        if let Some(token) = &self.token {
            self.request.extend_from_slice(format!("authorization: Bearer {token}\r\n").as_bytes());
        }
        self.request.extend_from_slice(headers.as_bytes());
        self.request.extend_from_slice(format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
        self.request.extend_from_slice(body);
        self.socket.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if let Some((head, length, status)) = parse_head(&self.answer)? {
                while self.answer.len() < head + length {
                    self.read_more().await?;
                }
                return Ok(Answer { status, body: &self.answer[head..head + length] });
            }
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.socket.read_buf(&mut self.answer).await? == 0 {
            bail!("the server has closed the connection");
        }
        Ok(())
    }

    /// Opens a live stream and hands over the socket, with what has been read already.
    pub async fn stream(mut self, path: &str) -> anyhow::Result<TcpStream> {
        self.socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").as_bytes()).await?;
        Ok(self.socket)
    }
}

/// Where the body begins, how long it is, and the status; nothing, as long as the head is not complete.
fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<(usize, usize, u16)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).context("the head is not text")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("there is no status")?;
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(Ok(0), str::parse).context("the length is no number")?;
    Ok(Some((end + 4, length, status)))
}
