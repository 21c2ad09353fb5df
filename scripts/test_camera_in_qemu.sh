#!/bin/bash
# Shows the face in a real virtual camera, reads it back with FFmpeg, and says how that went in one line of JSON.
# v4l2loopback needs a kernel that loads modules, so a virtual machine boots Debian's, with this machine's own files,
# read-only, as its disk. Needs Debian, gcc, make and QEMU.
#   scripts/test_camera_in_qemu.sh [SECONDS [FOLDER]]    the picture that was read back comes into FOLDER, out by default
# QEMU emulates a slow processor, whose time is counted in instructions (without erms and fsrm, copies take fewer): so
# the speaking face is drawn beforehand. ACCELERATION=kvm performs live; inside many virtual machines KVM hangs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
seconds=${1:-10}
out=$(mkdir -p "${2:-$root/out}" && cd "${2:-$root/out}" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/liveface/qemu
"$root"/scripts/install_system_packages.sh qemu-system-x86 gcc make

if [ "${ACCELERATION:-}" = kvm ]; then
    processor=(-cpu host -accel kvm) cores=2 choice=
else
    processor=(-cpu max,-erms,-fsrm -accel "tcg,thread=single" -icount shift=0,sleep=off) cores=1 choice="--frames /run/out/camera.npz"
    "$root/.venv/bin/python" "$root/scripts/read_back_camera.py" --draw "$out/camera.npz"
fi

version=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)
work=$cache/$version
if [ ! -f "$work/v4l2loopback.ko" ]; then
    echo "Fetching the kernel $version and building v4l2loopback: once." >&2
    rm -rf "$work" && mkdir -p "$work/debs" "$work/tree"
    series=$(cut -d. -f1,2 <<<"$version")
    (cd "$work/debs" && apt-get download --quiet=2 "linux-image-$version" "linux-headers-$version" \
        "linux-headers-${version%-amd64}-common" "linux-kbuild-$series" v4l2loopback-dkms busybox-static 2>/dev/null)
    for package in "$work"/debs/*.deb; do dpkg -x "$package" "$work/tree"; done
    headers=$work/tree/usr/src/linux-headers-$version
    sed -i "s|/usr/src|$work/tree/usr/src|" "$headers/Makefile"
    cp -r "$work"/tree/usr/src/v4l2loopback-* "$work/module"
    make --silent -C "$headers" M="$work/module" modules >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
    cp "$work/module/v4l2loopback.ko" "$work/"
    rm -rf "$work/debs"
fi

# The first programs of the virtual machine: busybox, and the modules that it needs to reach its disk and the camera.
boot=$(mktemp -d)
trap 'rm -rf "$boot"' EXIT
mkdir -p "$boot"/{bin,modules,disk,proc}
busybox=$work/tree/bin/busybox
cp "$busybox" "$boot/bin/"
modules=$work/tree/lib/modules/$version/kernel
find "$modules"/{drivers/virtio,net/9p,fs/9p,fs/netfs,fs/fscache,drivers/media/v4l2-core,drivers/media/mc} \
    -name '*.ko' -exec cp {} "$boot/modules/" \;
cp "$work/v4l2loopback.ko" "$boot/"
cat >"$boot/init" <<END
#!/bin/busybox sh
PATH=/bin
/bin/busybox --install -s /bin
for pass in 1 2 3 4; do for module in /modules/*.ko; do insmod \$module 2>/dev/null; done; done
options=trans=virtio,version=9p2000.L,msize=262144
mount -t 9p -o ro,cache=loose,\$options disk /disk || exec poweroff -f
mount -t proc proc /disk/proc
mount -t sysfs sys /disk/sys
mount -t devtmpfs dev /disk/dev
mkdir -p /disk/dev/shm && mount -t tmpfs shm /disk/dev/shm
mount -t tmpfs run /disk/run
mkdir /disk/run/out && mount -t 9p -o \$options out /disk/run/out
insmod /v4l2loopback.ko devices=1 exclusive_caps=1 card_label="Liveface camera"
export HOME=/run TMPDIR=/run XDG_CACHE_HOME=/run PATH=/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1
cd /disk
chroot /disk /bin/sh -c 'cd "$root" && .venv/bin/python scripts/read_back_camera.py --seconds $seconds --out /run/out $choice' \
    >/disk/run/out/camera.log 2>&1
sync
poweroff -f
END
chmod +x "$boot/init"
(cd "$boot" && find . | "$busybox" cpio -o -H newc 2>/dev/null | gzip -1) >"$work/boot.gz"

rm -f "$out"/camera.{log,json,png}
timeout 900 qemu-system-x86_64 "${processor[@]}" -smp "$cores" -m 3G -nographic -no-reboot -nodefaults -serial "file:$out/camera.boot.log" \
    -kernel "$work/tree/boot/vmlinuz-$version" -initrd "$work/boot.gz" -append "console=ttyS0 quiet panic=-1" \
    -virtfs "local,path=/,mount_tag=disk,security_model=none,readonly=on,multidevs=remap" \
    -virtfs "local,path=$out,mount_tag=out,security_model=none" </dev/null
if [ ! -f "$out/camera.json" ]; then
    cat "$out"/camera.log "$out/camera.boot.log" >&2 || true
    echo "Nothing was read back." >&2
    exit 1
fi
rm -f "$out/camera.npz"
cat "$out/camera.json"
