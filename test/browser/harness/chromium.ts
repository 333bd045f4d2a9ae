/** A Chromium process of our own: its profile outlives it, and all of it can be killed at once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { browsers } from '../browsers.ts'
import { type Debugger, debug } from './debugger.ts'
import { patiently } from './patiently.ts'
import { type Tab, tabIn } from './tab.ts'

export interface Profile {
  readonly path: string
  /** Starts a browser on it. One at a time. */
  start(): Promise<Chromium>
  remove(): void
}

export interface Chromium {
  tab(url: string): Promise<Tab>
  /** As a power button would: every process at once, without a word. Resolves when none is left. */
  kill(): Promise<void>
  /** In order. */
  close(): Promise<void>
  /** The most that any one of its living processes ever had in memory, in bytes. */
  resident(): number
}

// In a container there is no user to be protected from, and its /dev/shm may be tiny.
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--disable-breakpad',
  '--password-store=basic',
  '--remote-debugging-port=0',
]

export function profile(): Profile {
  const path = mkdtempSync(join(tmpdir(), 'tidemark-profile-'))
  return {
    path,
    start: () => start(path),
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }),
  }
}

async function start(path: string): Promise<Chromium> {
  // Of a browser that was killed; none of its processes is left.
  for (const name of ['SingletonLock', 'SingletonCookie', 'SingletonSocket']) rmSync(join(path, name), { force: true })
  const run = spawn(executable(), [...flags, `--user-data-dir=${path}`, 'about:blank'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return chromiumOf(run, await debug(await addressOf(run)))
}

function chromiumOf(run: ChildProcess, browser: Debugger): Chromium {
  const pid = run.pid!
  const onExit = () => end(processesOf(pid))
  process.once('exit', onExit)

  async function kill(): Promise<void> {
    const all = processesOf(pid)
    end(all)
    await patiently('the end of all processes of the browser', () => {
      const left = [...all, ...processesOf(pid)].filter(isAlive)
      end(left)
      return left.length === 0
    })
    process.off('exit', onExit)
    browser.close()
  }

  return {
    tab: url => tabIn(browser, url),
    kill,
    resident: () => Math.max(...processesOf(pid).map(peakOf)),
    async close() {
      const all = processesOf(pid)
      await browser.send('Browser.close').catch(() => {}) // it may go before it answers
      await patiently('the browser to close', () => !all.some(isAlive)).catch(() => {}) // then by force
      await kill()
    },
  }
}

export function executable(): string {
  const found = process.env.CHROMIUM ?? browsers.find(existsSync)
  if (found === undefined) throw new Error('There is no Chromium here: install one, or name it in CHROMIUM.')
  return found
}

async function addressOf(run: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface({ input: run.stderr! })) {
    const address = /^DevTools listening on (\S+)/.exec(line)?.[1]
    if (address === undefined) {
      said.push(line)
      continue
    }
    run.stderr!.resume() // it goes on talking, and must not wait for a reader
    return address
  }
  throw new Error(`Chromium did not start:\n${said.join('\n')}`)
}

interface Stat {
  readonly state: string
  readonly parent: number
  readonly group: number
}

function statOf(pid: number): Stat | undefined {
  try {
    // "pid (name) state ppid pgrp ...", and the name may hold anything.
    const [state, parent, group] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state: state!, parent: Number(parent), group: Number(group) }
  } catch {
    return undefined // it has ended
  }
}

function peakOf(pid: number): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0 // it has ended
  }
}

const isAlive = (pid: number): boolean => !['Z', 'X', undefined].includes(statOf(pid)?.state)

/** The browser, what it started, and what is in its group though its parent has ended. */
function processesOf(pid: number): number[] {
  const stats = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(name => [Number(name), statOf(Number(name))] as const)
  const found = new Set([pid])
  for (let before = 0; before < found.size; ) {
    before = found.size
    for (const [one, stat] of stats) if (stat && (found.has(stat.parent) || stat.group === pid)) found.add(one)
  }
  return [...found]
}

function end(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It was faster.
    }
  }
}
