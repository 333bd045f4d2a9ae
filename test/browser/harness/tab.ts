/** A tab, spoken to through the browser's debugger: that no page policy forbids, and no frozen page answers. */
import type { App } from '../app/page.ts'
import type { Debugger, Session } from './debugger.ts'
import { inTime, patiently } from './patiently.ts'

export interface Tab {
  readonly debug: Session
  /** Everything that the console said, uncaught errors and violations of the policy among it. */
  readonly console: string[]
  /** Runs `work` in the page, where it sees nothing but the app and `given`. Rejects with the code of a SyncError. */
  run<Given extends readonly unknown[], T>(
    work: (app: App, ...given: Given) => T | Promise<T>,
    ...given: Given
  ): Promise<T>
  /** Waits until `work` says something true in the page. */
  until<Given extends readonly unknown[]>(
    what: string,
    work: (app: App, ...given: Given) => unknown,
    ...given: Given
  ): Promise<void>
  go(url: string): Promise<void>
  reload(): Promise<void>
  /** Its timers and tasks stop; what it holds it keeps. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Its renderer dies. */
  crash(): Promise<void>
  close(): Promise<void>
}

type Told = { readonly value: unknown } | { readonly error: { code?: string; name: string; message: string } }

export async function tabIn(browser: Debugger, url: string): Promise<Tab> {
  const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' })
  const debug = await browser.attach(targetId)
  const said: string[] = []
  debug.on('Runtime.consoleAPICalled', ({ type, args }) => {
    said.push(`${type}: ${args.map(one => one.value ?? one.description ?? '').join(' ')}`)
  })
  debug.on('Runtime.exceptionThrown', ({ exceptionDetails: { text, exception } }) => {
    said.push(`uncaught: ${exception?.description ?? text}`)
  })
  debug.on('Log.entryAdded', ({ entry }) => said.push(`${entry.source}: ${entry.text} ${entry.url ?? ''}`))
  await Promise.all([debug.send('Page.enable'), debug.send('Runtime.enable'), debug.send('Log.enable')])

  async function evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await debug.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    }
    return result.value
  }

  async function run(work: unknown, given: readonly unknown[]): Promise<unknown> {
    const told = (await evaluate(`(async () => {
      try { return { value: await (${String(work)})(globalThis.app, ...${JSON.stringify(given)}) } }
      catch (error) { return { error: { name: error?.name, code: error?.code, message: String(error?.stack ?? error) } } }
    })()`)) as Told
    if (!('error' in told)) return told.value
    throw Object.assign(new Error(told.error.message), { code: told.error.code })
  }

  async function loaded(load: () => Promise<unknown>): Promise<void> {
    const there = debug.next('Page.frameNavigated')
    await load()
    await inTime('the page to load', there)
    await patiently('the app', () => evaluate('globalThis.app !== undefined').catch(() => false) as Promise<boolean>)
  }

  async function closed(): Promise<void> {
    await browser.send('Target.closeTarget', { targetId })
    await patiently('the tab to close', async () => {
      const { targetInfos } = await browser.send('Target.getTargets')
      return targetInfos.every(one => one.targetId !== targetId)
    })
  }

  const go = (url: string) => loaded(() => debug.send('Page.navigate', { url }))

  await go(url)
  return {
    debug,
    console: said,
    run: (work, ...given) => inTime(String(work).slice(0, 200), run(work, given)) as never,
    async until(what, work, ...given) {
      await patiently(what, () => run(work, given))
    },
    go,
    reload: () => loaded(() => debug.send('Page.reload')),
    freeze: () => debug.send('Page.setWebLifecycleState', { state: 'frozen' }).then(() => {}),
    thaw: () => debug.send('Page.setWebLifecycleState', { state: 'active' }).then(() => {}),
    async crash() {
      const gone = debug.next('Inspector.targetCrashed')
      debug.send('Page.crash').catch(() => {}) // nobody is left to answer
      await inTime('the crash', gone)
      await closed()
    },
    close: closed,
  }
}
