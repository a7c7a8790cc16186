import type { Metadata } from 'next';
import { Explore } from '@/explore/explore';

export const metadata: Metadata = { title: 'Explore' };

export default function Page() {
  return <Explore />;
}
