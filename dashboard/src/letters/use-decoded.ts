import { useMemo } from 'react';
import { useApi } from '@/api/query';
import { bytesOf, textOf } from '@/kafka/payload';
import { DecodedLetters } from './documents';
import type { ListedLetter } from './use-letters';

/** Before the first of the list others may have come meanwhile. */
const FIRST_FEW = 25;

/** What the stream's format makes of a letter whose payload is no text, once the server has told. */
export function useDecoded({ id, place, payloadBase64, payloadTruncated }: ListedLetter): string | null {
  const isAsked = useMemo(
    () => payloadBase64 != null && !payloadTruncated && textOf(bytesOf(payloadBase64), false) === null,
    [payloadBase64, payloadTruncated],
  );
  const { filter, after } = place;
  const { data } = useApi(
    DecodedLetters,
    { ...filter, after, first: after === null ? FIRST_FEW : 1 },
    { enabled: isAsked, retry: false, staleTime: Number.POSITIVE_INFINITY },
  );
  return data?.deadLetters.nodes.find((letter) => letter.id === id)?.decoded ?? null;
}
