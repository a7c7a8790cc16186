'use client';

import { useMay } from '@/api/auth';
import { httpUrl } from '@/api/endpoint';

const METRICS = '/metrics';
const LINKS = [
  ['/readyz', 'Readiness'],
  [METRICS, 'Metrics'],
  ['/api/v1/openapi.json', 'OpenAPI'],
  ['/licences.txt', 'Licences'],
] as const;

export function Footer() {
  const mayOperate = useMay('operate');
  return (
    <footer className="in-data-kiosk:hidden border-line border-t text-muted">
      <div className="mx-auto flex max-w-(--page-width) flex-wrap gap-x-4 gap-y-1 px-3 py-3 sm:px-6">
        <span className="mr-auto">Time-series from Kafka: live, exact, with their history.</span>
        {LINKS.filter(([href]) => href !== METRICS || mayOperate).map(([href, title]) => (
          <a key={href} href={httpUrl(href)} className="underline-offset-2 hover:underline">
            {title}
          </a>
        ))}
      </div>
    </footer>
  );
}
