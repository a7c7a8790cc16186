/** The search of an address that offers all there is, whatever was looked at last. */
export const NEW = '?new';

/** What a link into /explore may choose; labels are matched exactly. */
export interface Choice {
  metric?: string;
  labels?: readonly { name: string; value: string }[];
}

/** The short form of an address: `/explore?metric=cpu&label=host%3Da`. */
export function exploreLink({ metric, labels = [] }: Choice): string {
  const params = [
    ...(metric === undefined ? [] : [`metric=${encodeURIComponent(metric)}`]),
    ...labels.map(({ name, value }) => `label=${encodeURIComponent(`${name}=${value}`)}`),
  ];
  return params.length === 0 ? `/explore${NEW}` : `/explore?${params.join('&')}`;
}
