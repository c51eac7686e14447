// Words and numbers as people read them. Pure.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

/** "14:05" of an RFC 3339 text or Unix milliseconds; "" where there is none. */
export function clockTime(value) {
  const date = new Date(value ?? NaN);
  return Number.isNaN(date.getTime()) ? '' : clock.format(date);
}

/** Whole minutes for an ETA, rounded up, never below 1; null where unknown. */
export function wholeMinutes(ms) {
  return Number.isFinite(ms) ? Math.max(1, Math.ceil(ms / 60_000)) : null;
}

/** "4 min", "1 h 05", "Any moment". */
export function etaText(ms) {
  if (!Number.isFinite(ms)) return null;
  if (ms < 30_000) return 'Any moment';
  const minutes = wholeMinutes(ms);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')}`;
}

/** "16 s", "3 min", "2 h": how long ago. */
export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}

/** "850 m", "2.4 km". */
export function distance(metres) {
  return metres < 1_000 ? `${Math.round(metres / 10) * 10} m` : `${(metres / 1_000).toFixed(1)} km`;
}

export function count(value) {
  return whole.format(value);
}

/** Milliseconds from seconds, as short as is honest: "0.4", "3.5", "16". */
export function milliseconds(seconds) {
  const ms = seconds * 1_000;
  return ms < 10 ? ms.toFixed(1) : whole.format(ms);
}

/** The tail of an id: time-ordered ids share their head, so the tail tells them apart. */
export function shortId(id) {
  const text = String(id ?? '');
  return text.length <= 10 ? text : `#${text.slice(-6).toUpperCase()}`;
}

/** A place's address, or its coordinates where nobody wrote one. */
export function placeName(place) {
  if (!place) return '';
  return place.address || `${place.latitude.toFixed(4)}, ${place.longitude.toFixed(4)}`;
}

const STATUS_WORDS = {
  created: 'Placed', paid: 'Paid', scheduled: 'Scheduled', searching: 'Searching', assigned: 'To pickup',
  at_pickup: 'At pickup', picked_up: 'Delivering', at_dropoff: 'At the door', delivered: 'Delivered',
  cancelled: 'Cancelled', failed: 'Failed',
};

export function statusWord(status) {
  return STATUS_WORDS[status] ?? String(status ?? '');
}
