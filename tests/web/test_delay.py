"""Tests of how the page hears its own delay: with sound whose delay is known."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

# Bursts of noise as loud as syllables, once directly and once through a delay line; returns milliseconds.
MEASURED = """async (seconds) => {
    const { Delay } = await import("/delay.js");
    const context = new AudioContext();
    const noise = new AudioBuffer({ length: 5 * context.sampleRate, sampleRate: context.sampleRate });
    const sound = noise.getChannelData(0);
    let loudness = 0;
    for (let i = 0; i < sound.length; i++) {
        if (i % 4800 === 0) loudness = ((i / 4800) * 7919 % 13) / 26;
        sound[i] = loudness * (2 * Math.random() - 1);
    }
    const voice = new AudioBufferSourceNode(context, { buffer: noise, loop: true });
    const line = new DelayNode(context, { delayTime: seconds });
    const received = new MediaStreamAudioDestinationNode(context);
    const direct = new MediaStreamAudioDestinationNode(context);
    voice.connect(line).connect(received);
    voice.connect(direct);
    voice.start();
    const delay = new Delay(context);
    delay.hearSent(context.createMediaStreamSource(direct.stream));
    delay.hearReceived(received.stream);
    for (;;) {
        delay.listen();
        const measured = delay.measure();
        if (measured !== null) return measured;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}"""


def test_the_delay_of_the_voice_is_heard(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.click("h2")  # a page that nobody has touched may not play
    measured = page.evaluate(f"Promise.all([0.2, 0.45].map({MEASURED}))")
    assert measured == pytest.approx([200, 450], abs=15)
