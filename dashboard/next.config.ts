import type { NextConfig } from 'next';

const config: NextConfig = {
  output: 'export',
  reactStrictMode: true,
  // The server serves what was built, to whoever asks; nothing is optimised on the way.
  images: { unoptimized: true },
};

export default config;
