/** Everything that is asked over HTTP; live figures come over the websocket only. */
import type { CallDetail, CallRow, Customer, Match, Me, SipAccess, Welcome } from "./protocol";
import { Refused } from "./live";

export type ReportRow = Record<string, unknown>;

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : null,
    });
  } catch {
    throw new Refused("offline", "The server cannot be reached.");
  }
  const text = await answer.text();
  let value: unknown = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // Not JSON: a proxy's error page, say. Its status speaks for it.
  }
  if (answer.ok) return value as T;
  throw refusal(answer.status, value);
}

function refusal(status: number, value: unknown): Refused {
  const outer = (value ?? {}) as Record<string, unknown>;
  const inner = (typeof outer["detail"] === "object" ? outer["detail"] : outer) as Record<
    string,
    unknown
  > | null;
  const code = typeof inner?.["code"] === "string" ? inner["code"] : `http-${status}`;
  const message = typeof inner?.["message"] === "string" ? inner["message"] : "";
  return new Refused(code, message, status);
}

const query = (values: Record<string, string | number>): string =>
  new URLSearchParams(Object.entries(values).map(([k, v]) => [k, String(v)])).toString();

function rows<T>(value: unknown, name: string): T[] {
  if (Array.isArray(value)) return value as T[];
  const inner = (value as Record<string, unknown> | null)?.[name];
  return Array.isArray(inner) ? (inner as T[]) : [];
}

/** null when the server does not tell. */
export async function welcome(): Promise<Welcome | null> {
  try {
    return await ask<Welcome>("GET", "/api/welcome");
  } catch {
    return null;
  }
}

export const login = (name: string, password: string): Promise<Me> =>
  ask("POST", "/api/login", { name, password });

export const logout = (): Promise<void> => ask("POST", "/api/logout");

/** The user that this browser is logged in as; null when it is not. Throws when unknown. */
export async function me(): Promise<Me | null> {
  try {
    return await ask<Me>("GET", "/api/me");
  } catch (problem) {
    if (problem instanceof Refused && (problem.status === 401 || problem.status === 403)) return null;
    throw problem;
  }
}

export const phoneAccess = (): Promise<SipAccess> => ask("POST", "/api/phone");
export const webPhoneAccess = (): Promise<SipAccess> => ask("POST", "/api/webphone");

export const call = (id: string): Promise<CallDetail> =>
  ask("GET", `/api/calls/${encodeURIComponent(id)}`);

/** The sound of a recording. */
export const recordingUrl = (id: string): string => `/api/recordings/${encodeURIComponent(id)}`;

export const calls = async (since: number, until: number, limit: number): Promise<CallRow[]> =>
  rows(await ask("GET", `/api/calls?${query({ since, until, limit })}`), "calls");

export interface ReportQuery {
  since: number;
  until: number;
  minutes: number;
  queue: string;
}

export const intervals = async (wanted: ReportQuery): Promise<ReportRow[]> =>
  rows(await ask("GET", `/api/reports/intervals?${query({ ...wanted })}`), "rows");

export const intervalsCsv = (wanted: ReportQuery): string =>
  `/api/reports/intervals.csv?${query({ ...wanted })}`;

export const findCustomers = async (text: string): Promise<Match[]> =>
  rows(await ask("GET", `/api/customers?${query({ q: text, limit: 8 })}`), "customers");

export const addNote = (customer: string, text: string): Promise<Customer> =>
  ask("POST", `/api/customers/${encodeURIComponent(customer)}/notes`, { text });
