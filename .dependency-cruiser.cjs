// Imports run downwards only: worker -> durable-objects -> store -> model, client -> model, ui -> model.
const only = (from, allowed) => ({
  name: `${from}-imports-downwards`,
  comment: `${from}/ may import only from ${allowed.join(', ')} and packages`,
  severity: 'error',
  from: { path: `^${from}/` },
  to: {
    path: '^(model|client|worker|durable-objects|store|ui|test|bench|scripts|examples)/',
    pathNot: `^(${[from, ...allowed].join('|')})/`,
  },
});
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    only('model', []),
    only('client', ['model']),
    only('ui', ['model']),
    only('store', ['model']),
    only('durable-objects', ['store', 'model']),
    only('worker', ['durable-objects', 'store', 'model']),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
  },
};
