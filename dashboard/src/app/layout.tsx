import type { Metadata, Viewport } from 'next';
import type { ReactNode } from 'react';
import { returnToPlace } from '@/api/session';
import { ConnectionBanner } from '@/ui/connection';
import { applyDisplayBeforePaint } from '@/ui/display-before-paint';
import { LeaveKiosk } from '@/ui/display-menu';
import { Door } from '@/ui/door';
import { Footer } from '@/ui/footer';
import { Header } from '@/ui/header';
import { Providers } from '@/ui/providers';
import { applyThemeBeforePaint } from '@/ui/theme';
import './globals.css';

export const metadata: Metadata = {
  title: { default: 'StreamSync', template: '%s · StreamSync' },
  description: 'Time-series from Kafka: live, exact, with their history.',
};

export const viewport: Viewport = { width: 'device-width', initialScale: 1, colorScheme: 'light dark' };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: our own script, allowed by its hash */}
        <script dangerouslySetInnerHTML={{ __html: applyThemeBeforePaint + returnToPlace + applyDisplayBeforePaint }} />
      </head>
      <body className="flex min-h-dvh flex-col">
        <Providers>
          <a href="#main" className="sr-only focus:not-sr-only focus:p-2">
            Skip to content
          </a>
          <LeaveKiosk />
          <Header />
          <ConnectionBanner />
          <main id="main" className="mx-auto w-full max-w-(--page-width) grow px-3 py-4 sm:px-6">
            <Door>{children}</Door>
          </main>
          <Footer />
        </Providers>
      </body>
    </html>
  );
}
