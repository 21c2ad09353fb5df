"""The server: WebRTC peers, WHIP, sockets and the web page around sessions. The only part that knows asyncio."""
