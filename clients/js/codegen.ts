import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  schema: '../../schema.graphql',
  documents: 'src/documents.graphql',
  emitLegacyCommonJSImports: false,
  generates: {
    'src/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        // Documents stay texts: no GraphQL parser is shipped.
        documentMode: 'string',
        useTypeImports: true,
        enumsAsTypes: true,
        scalars: { Cursor: 'string', DateTime: 'string', Duration: 'string', Step: 'string', Long: 'number' },
        strictScalars: true,
        skipTypename: true,
        avoidOptionals: { field: true },
      },
    },
  },
};

export default config;
