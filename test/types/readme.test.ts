/** The code in README and docs is code: it compiles in a project that has installed the package, and README's runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf, linksOf } from './blocks.ts'
import { type Consumer, consumer, root } from './consumer.ts'

let project: Consumer
beforeAll(() => {
  project = consumer()
})
afterAll(() => project?.remove())

const documents = globSync(['*.md', 'docs/**/*.md'], { cwd: root })
const withCode = documents.filter(file => codeOf(file) !== '')

test('there is code to check', () => {
  expect(withCode).toContain('README.md')
  expect(withCode).toContain(join('docs', 'transports.md'))
})

test.each(withCode)('the code in %s type-checks', document => {
  const { code, text } = project.check('nodenext', [project.write('blocks.ts', codeOf(document))], ['node'])
  expect(text).toBe('')
  expect(code).toBe(0)
})

test('the code in README runs against the sandbox', async () => {
  const { url, stop } = await sandbox()
  try {
    const code = codeOf('README.md').replaceAll('http://127.0.0.1:8787', url)
    const { text: said, code: status } = await project.start(process.execPath, project.write('readme.ts', code))
    expect(said).toContain(`{ title: 'Hello' }`)
    expect(said).toContain('accepted\naccepted\n')
    expect(said).toMatch(/^synced 0$/m)
    expect(said).toContain('What is here is what drive has')
    expect(status).toBe(0)
  } finally {
    await stop()
  }
})

test.each(documents)('what %s links to exists', document => {
  const missing = linksOf(document).filter(link => !existsSync(join(root, dirname(document), link)))
  expect(missing).toEqual([])
})

async function sandbox(): Promise<{ url: string; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, [join(root, 'src/sandbox/main.ts')])
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const line = await new Promise<string>(resolve => createInterface({ input: child.stdout! }).once('line', resolve))
  return {
    url: (JSON.parse(line) as { files: string }).files,
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}
