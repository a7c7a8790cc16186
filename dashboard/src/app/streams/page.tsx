import type { Metadata } from 'next';
import { Streams } from '@/streams/streams';

export const metadata: Metadata = { title: 'Streams' };

export default function Page() {
  return <Streams />;
}
