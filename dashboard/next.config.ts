import type { NextConfig } from 'next';

const config: NextConfig = {
  output: 'export',
  reactStrictMode: true,
  // The server serves what was built, to whoever asks; nothing is optimised on the way.
  images: { unoptimized: true },
  // `npm run check` looks at the types, those of the tests too, which are no part of the site.
  typescript: { ignoreBuildErrors: true },
};

export default config;
