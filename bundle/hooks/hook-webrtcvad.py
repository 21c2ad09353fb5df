"""What PyInstaller needs to know of webrtcvad: here it comes from the package webrtcvad-wheels."""

from PyInstaller.utils.hooks import copy_metadata

datas = copy_metadata("webrtcvad-wheels")
