# SPDX-License-Identifier: GPL-3.0-or-later
"""What a strongSwan daemon says in its own log that it did (ike, chd and mgr at 2): IKE SAs, child SAs,
questions, retransmissions.  A side speaks of itself only: `ours` is who did it, as this side saw it."""
import re

LINE = re.compile(r'^(\d+\.\d+) (\d+)\[(\w+)\] (.*)$')
NO_SPI = '0' * 16


class Log:
    def __init__(self, text):
        self.lines = [(float(m[1]), m[2], m[3], m[4]) for m in map(LINE.match, text.splitlines()) if m]
        self.ike_sas = {}       # number -> facts
        self.child_sas = {}
        self.questions = []     # when INFORMATIONAL requests that delete nothing were made: probes, and addresses told (MOBIKE)
        self.retransmitted = []  # (when, which retransmission, message ID)
        self.threads = {}       # what each is at
        for at, thread, group, text in self.lines:
            self.threads.setdefault(thread, {'answered': None, 'new_child': None, 'new_ike': None})
            for pattern, what in PATTERNS:
                m = pattern.match(text)
                if m:
                    what(self, at, self.threads[thread], m)

    def ike(self, number):
        return self.ike_sas.setdefault(int(number), {'spis': None, 'ours': None, 'established': None, 'parent': None, 'ended': None, 'ended_by_us': None})

    def child(self, number):
        return self.child_sas.setdefault(int(number), {'spis': None, 'ours': None, 'created': None, 'predecessor': None, 'ended': None,
                                                       'ended_by_us': None, 'bytes': None})

    # ---- IKE SAs ----

    def on_message(self, at, thread, m):
        thread['new_ike'] = thread['new_child'] = thread['answered'] = None

    def on_checked_in(self, at, thread, m):
        if m[3] != NO_SPI:
            self.ike(m[1])['spis'] = (m[2], m[3])

    def on_initiating(self, at, thread, m):
        self.ike(m[1])['ours'] = True

    def on_established(self, at, thread, m):
        sa = self.ike(m[1])
        sa['established'], sa['ours'] = at, bool(sa['ours'])
        if m[2] == 'rekeyed':
            thread['new_ike'] = int(m[1])

    def on_ike_rekeyed(self, at, thread, m):
        if thread['new_ike'] is not None:
            self.ike(thread['new_ike'])['parent'] = int(m[1])

    def on_ike_delete(self, at, thread, m):
        sa = self.ike(m[2])
        if sa['ended'] is None:
            sa['ended'], sa['ended_by_us'] = at, m[1] == 'sending'

    # ---- child SAs ----

    def on_parsed(self, at, thread, m):
        thread['answered'] = m[1] == 'response'

    def on_child(self, at, thread, m):
        sa = self.child(m[1])
        sa.update(created=at, spis=(m[2], m[3]), ours=thread['answered'])
        thread['new_child'] = int(m[1])

    def on_child_rekeyed(self, at, thread, m):
        if thread['new_child'] is not None and thread['new_child'] != int(m[1]):
            self.child(thread['new_child'])['predecessor'] = int(m[1])

    def on_closing(self, at, thread, m):
        sa = self.child(m[1])
        sa['bytes'] = (int(m[2]), int(m[3]))

    def on_child_delete(self, at, thread, m):
        for sa in self.child_sas.values():
            if sa['spis'] and m[2] in sa['spis'] and sa['ended'] is None:
                sa['ended'], sa['ended_by_us'] = at, m[1] == 'sending'

    # ---- messages ----

    def on_question(self, at, thread, m):
        self.questions.append(at)

    def on_retransmit(self, at, thread, m):
        self.retransmitted.append((at, int(m[1]), int(m[2])))


PATTERNS = [(re.compile(pattern), what) for pattern, what in (
    (r'checkout IKEv[12] SA by message', Log.on_message),
    (r'checkin IKEv[12] SA [^\[]*\[(\d+)\] with SPIs ([0-9a-f]{16})_i ([0-9a-f]{16})_r', Log.on_checked_in),
    (r'initiating (?:Main Mode |Aggressive Mode )?IKE_SA .*\[(\d+)\] to', Log.on_initiating),
    (r'IKE_SA [^\[]*\[(\d+)\] (established|rekeyed) between', Log.on_established),
    (r'IKE_SA [^\[]*\[(\d+)\] state change: \w+ => REKEYED', Log.on_ike_rekeyed),
    (r'(sending|received) DELETE for IKE_SA [^\[]*\[(\d+)\]', Log.on_ike_delete),
    (r'parsed \w+ (request|response) ', Log.on_parsed),
    (r'(?:inbound )?CHILD_SA [^{]*\{(\d+)\} established with SPIs ([0-9a-f]{8})_i ([0-9a-f]{8})_o', Log.on_child),
    (r'CHILD_SA [^{]*\{(\d+)\} state change: \w+ => REKEYED', Log.on_child_rekeyed),
    (r'closing CHILD_SA [^{]*\{(\d+)\} with SPIs \w+_i \((\d+) bytes\) \w+_o \((\d+) bytes\)', Log.on_closing),
    (r'(sending|received) DELETE for ESP CHILD_SA with SPI ([0-9a-f]{8})', Log.on_child_delete),
    (r'generating INFORMATIONAL request \d+ \[ (?!D \])', Log.on_question),
    (r'generating INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]', Log.on_question),
    (r'retransmit (\d+) of request with message ID (\d+)', Log.on_retransmit),
)]
