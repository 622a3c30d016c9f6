# SPDX-License-Identifier: GPL-3.0-or-later
"""A strongSwan gateway in a namespace of network.py."""
import os
import re
import subprocess
import time

from network import inside, run

DAEMON = '/usr/sbin/charon-systemd'

STRONGSWAN_CONF = '''
charon-systemd {{
  load_modular = no
  load = random nonce drbg openssl aes sha1 sha2 md5 hmac kdf gcm cmac curve25519 gmp x509 constraints revocation pubkey pkcs1 pem kernel-libipsec kernel-netlink socket-default updown vici
  install_virtual_ip = no
  {more}
  plugins {{
    vici {{
      socket = unix://{folder}/vici
    }}
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
  }}
  journal {{
    default = -1
  }}
  filelog {{
    f {{
      path = {folder}/log
      time_format = %s
      time_add_ms = yes
      flush_line = yes
      default = 1
      ike = 2
      chd = 2
      mgr = 2
    }}
  }}
}}
'''

SWANCTL_CONF = '''
connections {{
  tunnel {{
    version = {version}
    local_addrs = {local}
    remote_addrs = {remote}
    proposals = aes128-sha256-x25519
    rekey_time = {ike_rekey}
    rand_time = 0
    dpd_delay = {dpd}
    local {{
      auth = psk
      id = {me}
    }}
    remote {{
      auth = psk
      id = {peer}
    }}
    children {{
      net {{
        local_ts = {local_ts}
        remote_ts = {remote_ts}
        esp_proposals = aes128gcm16-x25519
        rekey_time = {child_rekey}
        rand_time = 0
        dpd_action = clear
      }}
    }}
  }}
}}
secrets {{
  ike-all {{
    id-1 = hq
    id-2 = branch
    id-3 = %any
    secret = "only for the laboratory"
  }}
}}
'''


class Gateway:
    def __init__(self, folder, name, peer, local, remote, local_ts, remote_ts, version=2, ike_rekey='0', child_rekey='0', dpd='0', more=''):
        self.name, self.folder = name, os.path.join(folder, name)
        swanctl = os.path.join(self.folder, 'swanctl')
        for sub in ('x509', 'x509ca', 'x509aa', 'x509ocsp', 'x509crl', 'x509ac', 'pubkey', 'private', 'rsa', 'ecdsa', 'bliss', 'pkcs8', 'pkcs12'):
            os.makedirs(os.path.join(swanctl, sub))
        with open(os.path.join(self.folder, 'strongswan.conf'), 'w', encoding='utf-8') as file:
            file.write(STRONGSWAN_CONF.format(folder=self.folder, more=more))
        with open(os.path.join(swanctl, 'swanctl.conf'), 'w', encoding='utf-8') as file:
            file.write(SWANCTL_CONF.format(version=version, local=local, remote=remote, me=name, peer=peer, local_ts=local_ts, remote_ts=remote_ts,
                                           ike_rekey=ike_rekey, child_rekey=child_rekey, dpd=dpd))
        self.env = os.environ | {'STRONGSWAN_CONF': os.path.join(self.folder, 'strongswan.conf'), 'SWANCTL_DIR': swanctl}
        self.out = open(os.path.join(self.folder, 'out'), 'w', encoding='utf-8')
        self.process = subprocess.Popen(('ip', 'netns', 'exec', name, DAEMON), env=self.env, stdout=self.out, stderr=self.out)
        end = time.monotonic() + 20
        while not os.path.exists(os.path.join(self.folder, 'vici')):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f'{DAEMON} did not start: {open(self.out.name, encoding="utf-8").read()}')
            time.sleep(0.05)
        self.ctl('--load-all')

    def ctl(self, *words, check=True):
        done = subprocess.run(('ip', 'netns', 'exec', self.name, 'swanctl') + words + ('--uri', f'unix://{self.folder}/vici'),
                              env=self.env, capture_output=True, text=True, timeout=120, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f'{self.name}: swanctl {" ".join(words)}: {done.stderr.strip()} {done.stdout.strip()}')
        return done

    def carried(self):
        """SPI -> bytes so far, of the living child SAs."""
        lines = re.findall(r'^ +(?:in|out) +([0-9a-f]{8}), +(\d+) bytes', self.ctl('--list-sas').stdout, re.M)
        return {spi: int(n) for spi, n in lines}

    def log(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as file:
            return file.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.out.close()
