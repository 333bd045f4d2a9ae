/** Asks the playground's own server, which knows where the sandboxes are and what they hold. */
export async function ask<T>(path: string, body?: unknown): Promise<T> {
  const answer = await fetch(
    `/sandbox/${path}`,
    body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
  )
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json() as Promise<T>
}

/** Where `kind` is played: the game that is asked for, else the last one. */
export const placeOf = <P>(kind: string, play: string | undefined): Promise<P> =>
  ask(`${kind}/place${play === undefined ? '' : `?${new URLSearchParams({ play })}`}`)
