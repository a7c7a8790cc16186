'use client';

import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useDoor } from '@/api/auth';
import { may } from '@/api/session';
import { Account } from './account';
import { HealthPill } from './connection';
import { DisplayMenu } from './display-menu';
import { Logo } from './icons';
import { ThemeChoice } from './theme-choice';

// The playground's content security policy is its own, and a policy is a document's: there and back
// is a full load.
const PLAYGROUND = '/playground';

const RECORDS = '/records';

const PAGES = [
  ['/', 'Home'],
  ['/explore', 'Explore'],
  ['/streams', 'Streams'],
  [RECORDS, 'Records'],
  ['/dead-letters', 'Dead letters'],
  [PLAYGROUND, 'Playground'],
] as const;

export function Header() {
  const path = usePathname();
  const { session } = useDoor();
  // Before the server has said who this is nothing moves: most may.
  const pages = PAGES.filter(([href]) => href !== RECORDS || !session || may(session, 'operate'));
  const to = (href: string) => (path === PLAYGROUND || href === PLAYGROUND ? 'a' : Link);
  const Start = to('/');
  return (
    <header className="in-data-kiosk:hidden border-line border-b bg-card">
      <div className="mx-auto flex max-w-(--page-width) flex-wrap items-center gap-x-3 gap-y-2 sm:gap-x-6 px-3 py-2 sm:px-6">
        <Start href="/" className="flex items-center gap-2 font-semibold text-base">
          <Logo />
          StreamSync
        </Start>
        <nav aria-label="Pages" className="order-last flex w-full flex-wrap gap-x-1 sm:order-none sm:w-auto">
          {pages.map(([href, title]) => {
            const To = to(href);
            return (
              <To
                key={href}
                href={href}
                aria-current={path === href ? 'page' : undefined}
                className="whitespace-nowrap rounded px-2.5 py-1 sm:py-1.5 text-muted hover:bg-raised hover:text-ink aria-[current]:bg-raised aria-[current]:font-medium aria-[current]:text-ink"
              >
                {title}
              </To>
            );
          })}
        </nav>
        <div className="ml-auto flex items-center gap-2">
          <HealthPill />
          <DisplayMenu />
          <ThemeChoice />
          <Account />
        </div>
      </div>
    </header>
  );
}
