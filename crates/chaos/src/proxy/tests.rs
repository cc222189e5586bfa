use std::time::Instant;

use super::*;

/// A server that sends back what it gets, behind a proxy.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    Proxy::before(&url).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends bytes and gives how many came back before the end, or the error.
async fn back(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.write_all(bytes).await?;
    let mut got = 0;
    let mut buffer = vec![0; bytes.len()];
    while got < bytes.len() {
        match stream.read(&mut buffer).await? {
            0 => break,
            read => got += read,
        }
    }
    Ok(got)
}

#[tokio::test]
async fn fair_weather_carries_everything() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(back(&mut stream, &vec![7; 300_000]).await.unwrap(), 300_000);
}

#[tokio::test]
async fn a_black_hole_holds_bytes_back_until_it_is_over() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Weather::BlackHole);
    let waiting = tokio::time::timeout(Duration::from_millis(100), back(&mut stream, b"hello"));
    assert!(waiting.await.is_err());
    proxy.set(Weather::Fair);
    let mut held = [0; 5];
    stream.read_exact(&mut held).await.unwrap();
    assert_eq!(&held, b"hello");
}

#[tokio::test]
async fn refused_connections_find_nobody_and_later_ones_are_served() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Weather::Refuse);
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    let started = Instant::now();
    let refused = loop {
        match TcpStream::connect(proxy.address()).await {
            Err(error) => break error,
            // Taken just before the listener was gone.
            Ok(_) => assert!(started.elapsed() < Duration::from_secs(10)),
        }
    };
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    proxy.set(Weather::Fair);
    loop {
        if let Ok(mut stream) = TcpStream::connect(proxy.address()).await {
            assert_eq!(back(&mut stream, b"again").await.unwrap(), 5);
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(back(&mut stream, b"hello").await.unwrap(), 5);
    proxy.set(Weather::Reset);
    let error = stream.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn streams_are_cut_in_their_middle() {
    let proxy = echo().await;
    proxy.set(Weather::CutAfter(10_000));
    for _ in 0..20 {
        let mut stream = connect(&proxy).await;
        let got = back(&mut stream, &vec![7; 20_000]).await;
        assert!(got.is_err() || got.unwrap() <= 10_000);
    }
    proxy.set(Weather::Fair);
    let mut stream = connect(&proxy).await;
    assert_eq!(back(&mut stream, &vec![7; 20_000]).await.unwrap(), 20_000);
}

#[tokio::test]
async fn slow_weather_delays() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    proxy.set(Weather::Slow(Duration::from_millis(50)));
    let started = Instant::now();
    assert_eq!(back(&mut stream, b"hello").await.unwrap(), 5);
    assert!(started.elapsed() >= Duration::from_millis(100), "both ways");
}
