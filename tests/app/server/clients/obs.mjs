// Publishes as OBS does, with its library: sound and picture offered, no candidates in the offer, and no PATCH.
// Arguments: the endpoint, the token, a file of Opus packets of 20 ms, each behind its length (16 bit). SIGTERM ends it.
import { readFileSync } from "node:fs";
import library from "node-datachannel";

const [endpoint, token, file] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };
const connection = new library.PeerConnection("obs", {
  iceServers: [],
  bindAddress: "127.0.0.1",
  disableAutoNegotiation: true,
});
const audio = new library.Audio("0", "SendOnly");
audio.addOpusCodec(111);
audio.addSSRC(42, "cname", "stream", "stream-audio");
const video = new library.Video("1", "SendOnly");
video.addH264Codec(96);
video.addSSRC(43, "cname", "stream", "stream-video");
const sound = connection.addTrack(audio);
const picture = connection.addTrack(video);

connection.setLocalDescription("offer");
const lines = connection.localDescription().sdp.split("\r\n");
const body = lines.filter((line) => !/^a=(candidate|end-of-candidates)/.test(line)).join("\r\n");
const response = await fetch(endpoint, { method: "POST", headers: { ...headers, "Content-Type": "application/sdp" }, body });
if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
const session = new URL(response.headers.get("location"), endpoint);
connection.setRemoteDescription(await response.text(), "answer");

const packets = [];
const data = readFileSync(file);
for (let at = 0; at < data.length; at += 2 + data.readUInt16BE(at)) {
  packets.push(data.subarray(at + 2, at + 2 + data.readUInt16BE(at)));
}

let count = 0;
const send = (track, type, source, clock, payload) => {
  const header = Buffer.alloc(12);
  header.writeUInt8(0x80, 0);
  header.writeUInt8(type, 1);
  header.writeUInt16BE(count & 0xffff, 2);
  header.writeUInt32BE((count * clock) >>> 0, 4);
  header.writeUInt32BE(source, 8);
  track.sendMessageBinary(Buffer.concat([header, payload]));
};
const began = Date.now();
setInterval(() => {
  if (!sound.isOpen()) return;
  for (; count * 20 < Date.now() - began; count += 1) {
    send(sound, 111, 42, 960, packets[count % packets.length]);
    if (picture.isOpen()) send(picture, 96, 43, 1800, Buffer.alloc(1000, 0x65));
  }
}, 5);

process.on("SIGTERM", async () => {
  connection.close();
  const ended = await fetch(session, { method: "DELETE", headers });
  process.exit(ended.status === 200 ? 0 : 1);
});
