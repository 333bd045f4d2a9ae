/** Does what the parent process says, and answers each order. */
export function obey(orders: { readonly [order: string]: (given: never) => unknown }): void {
  process.on('message', async ({ n, order, given }: { n: number; order: string; given: never }) => {
    try {
      const value = await orders[order]!(given)
      process.send?.({ n, value }, () => {
        if (order === 'close') process.disconnect()
      })
    } catch (error) {
      process.send?.({ n, error: error instanceof Error ? error.stack : String(error) })
    }
  })
  process.send?.({ ready: true })
}
