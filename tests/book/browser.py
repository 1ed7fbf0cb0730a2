"""A Chromium that tests talk to: any width, light or dark, and what went wrong on a page."""
import json
import os
import select
import shutil
import subprocess

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)

# It looks for updates otherwise, and each attempt fails where there is no way out.
OFFLINE = '--disable-background-networking --disable-component-update --disable-sync'

# Seconds: a page whose process has died says nothing, for ever.
PATIENCE = 120

# What a page has asked of other machines
FETCHED = """performance.getEntriesByType('resource').map(entry => entry.name)
  .filter(name => !/^(file|data):/.test(name))"""


class Browser:
    "Chromium over two pipes, in its DevTools protocol: messages of JSON that end with a zero."
    def __init__(self, profile):
        ours, theirs = os.pipe(), os.pipe()
        command = (f'exec {BROWSER} --headless --no-sandbox --disable-gpu {OFFLINE} '
                   f'--remote-debugging-pipe --user-data-dir="$PROFILE" '
                   f'3<&{ours[0]} 4>&{theirs[1]}')
        self.process = subprocess.Popen(
            ['bash', '-c', command], pass_fds=(ours[0], theirs[1]),
            env=os.environ | {'PROFILE': str(profile)}, stderr=subprocess.DEVNULL)
        os.close(ours[0])
        os.close(theirs[1])
        self.writer, self.reader = os.fdopen(ours[1], 'wb'), os.fdopen(theirs[0], 'rb')
        self.count, self.rest, self.session, self.events = 0, b'', None, []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        found = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self.session = found['sessionId']
        for domain in ('Page', 'Runtime', 'Log'): self.call(f'{domain}.enable')

    def call(self, method, **params):
        self.count += 1
        message = dict(id=self.count, method=method, params=params)
        if self.session: message['sessionId'] = self.session
        self.writer.write(json.dumps(message).encode() + b'\0')
        self.writer.flush()
        while True:
            answer = self._next()
            if answer.get('id') == self.count:
                if 'error' in answer: raise RuntimeError(f"{method}: {answer['error']}")
                return answer['result']

    def _next(self):
        while b'\0' not in self.rest:
            if not select.select([self.reader], [], [], PATIENCE)[0]:
                self.process.kill()  # later tests need not wait, too
                raise RuntimeError(f'the browser has said nothing for {PATIENCE} s')
            new = os.read(self.reader.fileno(), 1 << 20)
            if not new: raise RuntimeError('the browser has ended')
            self.rest += new
        message, _, self.rest = self.rest.partition(b'\0')
        found = json.loads(message)
        if 'method' in found: self.events.append(found)
        return found

    def open(self, address, width, theme):
        "A page as wide as `width` px, on light or dark paper."
        self.show(width, theme)
        self.events.clear()
        self.call('Page.navigate', url=address)
        while not any(e['method'] == 'Page.loadEventFired' for e in self.events): self._next()
        self.ask('new Promise(done => setTimeout(() => done(0), 300))')

    def wrong(self):
        "What went wrong on the page so far, by itself or by what was asked."
        self.ask('new Promise(done => setTimeout(() => done(0), 100))')
        return [e['params'] for e in self.events if _is_wrong(e)]

    def show(self, width, theme):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900,
                  deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia',
                  features=[dict(name='prefers-color-scheme', value=theme)])

    def ask(self, expression):
        "What a JavaScript expression gives."
        found = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                          awaitPromise=True)
        if 'exceptionDetails' in found: raise RuntimeError(str(found['exceptionDetails']))
        return found['result'].get('value')

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)


def _is_wrong(event):
    method, params = event['method'], event['params']
    return method in ('Runtime.exceptionThrown', 'Log.entryAdded') or (
        method == 'Runtime.consoleAPICalled' and params['type'] in ('error', 'assert'))
