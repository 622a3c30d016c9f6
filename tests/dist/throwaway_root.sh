#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# throwaway_root.sh FOLDER PROGRAM [ARGUMENT]…
# In namespaces of its own (unshare -m -p -n -u -i -C --fork): this machine once more with an overlay
# for what is changed, systemd as its process 1, and PROGRAM as the only service.  FOLDER is seen there
# as /mnt; what PROGRAM prints goes to FOLDER/out, its exit status to FOLDER/status.
set -e
folder=$1
shift

memory=$(mktemp -d)
mount -t tmpfs -o size=1g tmpfs "$memory"
mkdir "$memory"/{upper,work,root}
root=$memory/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$memory/upper,workdir=$memory/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root"/dev/{pts,shm}
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
for device in null zero full random urandom tty; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
touch "$root/dev/console"
ln -s console "$root/dev/kmsg"
mount --bind "$folder" "$root/mnt"

# nothing that this machine starts at boot
rm -rf "$root"/etc/systemd/system/*.wants
ln -sf /dev/null "$root/etc/systemd/system/systemd-udevd.service"
# a container's word that packages start nothing
rm -f "$root/usr/sbin/policy-rc.d"
printf '%q ' "$@" >"$root/run/program"
cat >"$root/run/run.sh" <<-'END'
	bash /run/program
	echo $? >/mnt/status
END
cat >"$root/etc/systemd/system/throwaway.service" <<-'END'
	[Unit]
	DefaultDependencies=no
	Wants=systemd-journald.socket systemd-journald.service
	After=systemd-journald.service
	[Service]
	Type=oneshot
	StandardOutput=file:/mnt/out
	StandardError=append:/mnt/out
	ExecStart=/bin/bash /run/run.sh
	ExecStopPost=/bin/systemctl exit --no-block
END

cd "$root"
mkdir -p throwaway-old
pivot_root . throwaway-old
umount -l /throwaway-old
exec chroot . /usr/bin/env -i "PATH=/usr/sbin:/usr/bin:/sbin:/bin" container=throwaway \
	/lib/systemd/systemd --system --unit=throwaway.service --log-target=journal </dev/null
