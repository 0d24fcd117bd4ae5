// `npm run test:docs`: the examples of README.md and docs/ alone.
import { args } from './lib/args.mjs'
import { docExamples } from './lib/doc-examples.mjs'
import { summary } from './lib/summary.mjs'

const help = `
npm run test:docs

Type-checks every \`\`\`ts block of README.md and docs/ against the built package, and runs those marked \`\`\`ts run. A block
that needs declarations which a reader does not has them in a comment before it: <!-- prelude ... -->.
`

args(help)
summary([await docExamples()])
