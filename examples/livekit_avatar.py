"""A LiveKit agent with a face of its own: it greets whoever joins the room, and can be interrupted.

    LIVEKIT_URL=... LIVEKIT_API_KEY=... LIVEKIT_API_SECRET=... python examples/livekit_avatar.py dev

Needs liveface[livekit] and a LiveKit server, such as `livekit-server --dev`. A real agent gives the session its STT,
LLM and TTS, and calls `generate_reply` instead of `say`. AVATAR_PHOTO names a photo; without it a shipped portrait
speaks.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.agents.voice.avatar import AvatarOptions, AvatarRunner, QueueAudioOutput
from livekit.agents.voice.room_io import RoomOptions

from liveface import Avatar
from liveface.app.files.media_files import iterate_audio
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import FPS, SAMPLE_RATE
from liveface.livekit import LivefaceVideoGenerator

server = AgentServer()


async def greeting() -> AsyncIterator[rtc.AudioFrame]:
    """The shipped sentences, faster than they are spoken, as a TTS service sends them."""
    for block in iterate_audio(ASSETS / "audio" / "speech.wav", SAMPLE_RATE // 10):
        pcm = (block[:, 0] * 32767).astype("<i2")
        yield rtc.AudioFrame(pcm.tobytes(), SAMPLE_RATE, 1, len(pcm))


@server.rtc_session()
async def appear(context: JobContext) -> None:
    """Join the room with a face, and speak."""
    photo = os.environ.get("AVATAR_PHOTO")
    avatar = await asyncio.to_thread(Avatar.from_photo, photo) if photo else None
    face = await asyncio.to_thread(LivefaceVideoGenerator, avatar, rate=SAMPLE_RATE)
    voice = QueueAudioOutput(sample_rate=face.rate)
    options = AvatarOptions(face.width, face.height, FPS, face.rate, 1)
    runner = AvatarRunner(context.room, audio_recv=voice, video_gen=face, options=options)
    context.add_shutdown_callback(runner.aclose)
    context.add_shutdown_callback(face.aclose)

    session: AgentSession[None] = AgentSession()
    session.output.audio = voice
    await context.connect()
    await runner.start()
    agent = Agent(instructions="Be friendly and brief.")
    await session.start(agent, room=context.room, room_options=RoomOptions(audio_output=False))
    await context.wait_for_participant()
    await session.say("Hello.", audio=greeting())


if __name__ == "__main__":
    cli.run_app(server)
