/** Jobs of two remotes. */
import { expect, test } from 'vitest'
import { online, patience, synced, type Visit } from './kit.ts'

export function jobsTests({ page, go }: Visit): void {
  /** Nothing was run before: each test has a browser profile of its own. */
  async function opened(): Promise<void> {
    await go('jobs.html')
    for (const id of ['airweave', 'cognee']) await synced(page().locator(`#${id}`))
  }

  const job = (of: string) =>
    page()
      .locator(`#${of} li`, { has: page().locator('progress') })
      .first()

  test(
    'a run shows its progress, outlives a reload and ends in the history',
    async () => {
      await opened()
      await page().locator('#cognee').getByRole('button', { name: 'Sync to the cloud' }).first().click()
      await job('cognee').getByText('running').waitFor()
      await page().reload()
      await job('cognee').getByText('done').waitFor()
      await job('cognee').getByText('5 documents').waitFor()
    },
    2 * patience,
  )

  test(
    'a run that is asked for without a network starts with it, once, and can be cancelled',
    async () => {
      await opened()
      await online(page(), false)
      const sync = page().locator('#airweave').getByRole('button', { name: 'Sync', exact: true }).last()
      await sync.click()
      await sync.click()
      await job('airweave').getByText('waits for its turn').waitFor()
      expect(await page().locator('#airweave progress').count()).toBe(1)
      await online(page(), true)
      await job('airweave').getByText('running').waitFor()
      await job('airweave').getByRole('button', { name: 'Cancel' }).click()
      await job('airweave').getByText('cancelled').waitFor()
    },
    2 * patience,
  )
}
