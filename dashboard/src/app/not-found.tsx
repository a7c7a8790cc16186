import Link from 'next/link';
import { Empty } from '@/ui/states';

export default function NotFound() {
  return (
    <Empty title="There is no such page">
      <Link href="/" className="text-accent underline">
        To the start
      </Link>
    </Empty>
  );
}
