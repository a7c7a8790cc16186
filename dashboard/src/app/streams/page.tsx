import type { Metadata } from 'next';
import { Streams } from '@/streams/streams';
import { Allowed } from '@/ui/allowed';

export const metadata: Metadata = { title: 'Streams' };

export default function Page() {
  return (
    <Allowed streams>
      <Streams />
    </Allowed>
  );
}
