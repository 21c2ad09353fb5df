"""One window for a user: two would delete each other's faces and unload each other's microphone."""

from hashlib import sha256
from pathlib import Path

from PyQt6.QtCore import QDir, QLockFile, QObject, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket

_ANSWER_MS = 2000  # that the first window, or one that is just closing, is waited for
_LONGEST_PATH = 100  # bytes: a socket's path has 108 on Linux, 104 on macOS


class OneWindow(QObject):
    """Says whether this program is the only one with a window; `asked` when another one wants this one's raised."""

    asked = pyqtSignal()

    def __init__(self, folder: Path) -> None:
        """`folder`: what two windows would share. Where it cannot be written, each one is the first."""
        super().__init__()
        QDir().mkpath(str(folder))
        path = folder / "window.socket"
        digest = sha256(str(folder).encode()).hexdigest()[:16]
        self._name = str(path) if len(str(path).encode()) < _LONGEST_PATH else f"liveface-{digest}"
        self._lock = QLockFile(str(folder / "window.lock"))
        self._lock.setStaleLockTime(0)  # however old: it counts as long as its process lives
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)
        self.is_first = self._lock.tryLock(0) or self._lock.error() != QLockFile.LockError.LockFailedError
        if self.is_first:
            self._listen()

    def raise_first(self) -> None:
        """Have the other window raised; where it has just been closed, this one becomes the first."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_ANSWER_MS):
            socket.waitForDisconnected(_ANSWER_MS)
        elif self._lock.tryLock(_ANSWER_MS):
            self.is_first = True
            self._listen()

    def close(self) -> None:
        """Let another window be the first one; may be called twice."""
        self._server.close()
        self._lock.unlock()

    def _listen(self) -> None:
        QLocalServer.removeServer(self._name)  # what a killed program has left
        self._server.listen(self._name)

    def _answer(self) -> None:
        while (connection := self._server.nextPendingConnection()) is not None:
            connection.disconnectFromServer()
            connection.deleteLater()
            self.asked.emit()
