"""A voice agent of a running `liveface serve`: it sends speech in bursts, and prints how far the face has come with it.

    liveface serve &
    python examples/pcm_agent.py [speech.wav] [http://127.0.0.1:8080]        LIVEFACE_TOKEN where the server needs one

Open the address that is printed, or watch with a WHEP player; the face waits for that. Ctrl-C interrupts it, then ends.
"""

import asyncio
import os
import sys
from pathlib import Path

import aiohttp

from liveface.app.files.media_files import iterate_audio
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import SAMPLE_RATE


async def main() -> None:
    """Speak a file, as fast as the server takes it, and listen to what it answers until all has been heard."""
    speech = Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS / "audio" / "speech.wav"
    server = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080"
    token = os.environ.get("LIVEFACE_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(server, headers=headers) as session,
        session.ws_connect("/pcm", params={"rate": SAMPLE_RATE, "wait_for_viewer": "true"}) as socket,
    ):
        created = await socket.receive_json()
        print(f"Page: {server}/?conversation={created['conversation']}\nWHEP: {server}{created['whep']}")
        try:
            for block in iterate_audio(speech, SAMPLE_RATE // 10):
                await socket.send_bytes((block[:, 0] * 32767).astype("<i2").tobytes())
            await socket.send_json({"type": "input_audio_buffer.commit"})
            while (event := await socket.receive_json())["type"] != "output_audio_buffer.stopped":
                print(event)
        except asyncio.CancelledError:
            await socket.send_json({"type": "output_audio_buffer.clear"})
            raise


if __name__ == "__main__":
    asyncio.run(main())
