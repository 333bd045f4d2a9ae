/** The code in our documents, as it stands there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './consumer.ts'

/** All blocks of TypeScript in a document, one after the other: each goes on where the one before it ended. */
export function codeOf(document: string): string {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code).join('\n')
}

/** Links to files of this repository, without those inside code. */
export function linksOf(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8').replace(/```[\s\S]*?```/g, '')
  return [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link!)
}
