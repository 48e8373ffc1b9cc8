// Generated from app/domain by scripts/frame_types.py; do not edit.

export type Words = { [language: string]: string }

export interface Actor {
  kind: 'operator' | 'device' | 'system'
  id: string
  name: string
  role: 'admin' | 'controller' | 'host' | 'assistant' | 'operations' | 'ads' | 'av' | 'service' | 'supply' | 'legal' | 'risk' | 'owner' | 'viewer'
}

export interface Mark {
  start: number
  end: number
  phrase: string
  category: string
  severity: 'block' | 'warn'
  law?: string
  citation?: string
  suggest?: string
  how?: string
  exempt?: string
}

export interface Evidence {
  kind: 'reading' | 'speech'
  at_ms: number
  name?: string
  value?: number | boolean | string | null
  text?: string
  marks?: readonly Mark[]
  start_ms?: number | null
  speaker?: string
}

export interface Alert {
  id: string
  rule: string
  rule_version: string
  scope: string
  scope_id: string
  labels: { [key: string]: string }
  severity: 'P1' | 'P2' | 'P3' | 'P4'
  condition: 'pending' | 'firing' | 'unknown' | 'ended'
  opened_ms: number
  changed_ms: number
  version: number
  title: { [key: string]: string }
  host?: { [key: string]: string }
  action?: { [key: string]: string }
  count?: number
  ended_ms?: number | null
  ended_reason?: string
  acked_by?: string
  acked_ms?: number | null
  muted?: string
  flapping?: boolean
  clearance?: 'open' | 'restricted'
  evidence?: readonly Evidence[]
  metrics?: readonly string[]
}

export interface RuleView {
  rule: string
  title: { [key: string]: string }
  scope: string
  scope_id: string
  condition: 'pending' | 'unknown'
  since_ms: number
  reason?: string
}

export interface Reading {
  metric: string
  scope: 'session' | 'room' | 'sku' | 'line'
  scope_id: string
  value: number | null
  state: 'ok' | 'estimated' | 'few' | 'unknown'
  seen_ms?: number | null
  every_ms?: number
  num?: number | null
  den?: number | null
  before?: number | null
  target?: number | null
}

export interface MinuteRow {
  metric: string
  scope: 'session' | 'room' | 'sku' | 'line'
  scope_id: string
  minute_ms: number
  values: readonly number[]
}

export interface Segment {
  id: string
  title: { [key: string]: string }
  kind: string
  sku: string
  planned_start_ms: number | null
  planned_length_ms: number
  state: 'done' | 'now' | 'next' | 'later'
  started_ms?: number | null
  ended_ms?: number | null
  talking_points?: { [key: string]: string }
}

export interface Rundown {
  version: number
  current: string
  segments: readonly Segment[]
  on_air?: string
  shift_ms?: number
}

export interface PromptReceipt {
  device: string
  device_name: string
  shown_ms?: number | null
  seen_ms?: number | null
  done_ms?: number | null
  word?: '' | 'help' | 'out_of_stock' | 'repeat'
  simulated?: boolean
}

export interface Prompt {
  id: string
  n: number
  text: { [key: string]: string }
  level: 'urgent' | 'normal' | 'info'
  by: Actor
  sent_ms: number
  version?: number
  alert?: string
  quick?: string
  state?: 'sent' | 'seen' | 'done' | 'withdrawn'
  unread?: boolean
  receipts?: readonly PromptReceipt[]
}

export interface Standing {
  channel: string
  state: 'open' | 'resting' | 'stopped'
  title?: string
  why?: string
  until_ms?: number
}

export interface Delivery {
  id: string
  session: string
  kind: 'live' | 'replay' | 'drill' | 'demo'
  alert: string
  change: number
  channel: string
  channel_title: string
  recipient: string
  title: string
  text: string
  language: string
  severity: 'P1' | 'P2' | 'P3' | 'P4'
  planned_ms: number
  due_ms: number
  useful_until_ms: number
  state?: 'waiting' | 'sending' | 'accepted' | 'failed' | 'unknown' | 'expired' | 'cancelled' | 'drill'
  attempts?: number
  sent_ms?: number | null
  settled_ms?: number | null
  answer?: string
  retried_ambiguous?: boolean
  restricted?: boolean
}

export interface QuickPrompt {
  id: string
  label: { [key: string]: string }
  text: { [key: string]: string }
  level?: 'urgent' | 'normal' | 'info'
}

export interface SessionHead {
  id: string
  no: number
  kind: 'live' | 'replay' | 'drill' | 'demo'
  state: 'planned' | 'live' | 'paused' | 'ended'
  title: string
  brand: string
  rooms: readonly string[]
  zone: string
  currency: string
  opened_ms: number
  started_ms?: number | null
  ended_ms?: number | null
  planned_length_ms?: number | null
  position?: number
  history_ms?: number
  duplicates?: number
  counters?: { [key: string]: number }
  summary?: { [key: string]: number }
  skus_more?: number
  alerts_more?: number
}

export interface RoomHead {
  id: string
  name: string
  platform: string
  state?: 'waiting' | 'live' | 'ended'
}

export interface SkuRow {
  sku: string
  name: string
  listed?: boolean
  on_sale?: boolean
  on_air?: boolean
  sellable?: number | null
  stock_line?: number
  planned?: number
  sell_rate?: number | null
  eta_min?: number | null
  paid_units?: number
  paid_amount?: number
  price?: number
  clicks_5m?: number
  cart_adds_5m?: number
  stock_seen_ms?: number | null
  orders_seen_ms?: number | null
  feeds?: { [key: string]: number }
}

export interface LineRow {
  name: string
  target_kbps: number
  bitrate_kbps?: number | null
  fps?: number | null
  dropped?: number
  reconnecting?: boolean
  seen_ms?: number | null
  title?: { [key: string]: string }
}

export interface LimitRow {
  rule: string
  severity: 'P1' | 'P2' | 'P3' | 'P4'
  metric: string
  scope: string
  below: boolean
  value: number
  of?: string
}

export interface Message {
  kind: 'comment' | 'speech'
  at_ms: number
  who: string
  text: string
  marks?: readonly Mark[]
  room?: string
  skipped?: number
}

export interface SourceRow {
  id: string
  name: string
  rooms: readonly string[]
  kinds: readonly string[]
  seen_ms: number
  every_ms: number
  offset_ms?: number
  slow_clock?: boolean
}

export interface GapRow {
  start_ms: number
  end_ms: number
}

export interface GuideLine {
  line: { [key: string]: string }
  at_ms: number
  hint?: { [key: string]: string }
}

export interface DeviceRow {
  id: string
  name: string
  connected: boolean
  seen_ms: number
  simulated?: boolean
}

export interface HealthRow {
  unsaved_since_ms?: number | null
  reason?: string
}

export interface Outcome {
  key: string
  code: string
  position: number
  at_ms: number
  by: Actor
  command: string
  subject?: string
  found?: number | null
  detail?: string
  digest?: string
}

export interface SessionChange {
  state: 'planned' | 'live' | 'paused' | 'ended'
  at_ms: number
  summary?: { [key: string]: number }
}

export interface RoomCard {
  room: string
  name: string
  platform: string
  brand: string
  session?: string | null
  kind?: string
  state?: 'none' | 'planned' | 'live' | 'paused' | 'ended'
  zone?: string
  currency?: string
  started_ms?: number | null
  clock_wall_ms?: number
  clock_session_ms?: number
  rate?: number
  segment?: { [key: string]: string }
  worst?: { [key: string]: any } | null
  listed?: number
  counts?: { [key: string]: number }
  readings?: { [key: string]: any }
  tablets?: number
  simulated?: number
  with_room?: string
}

export interface Changed {
  set?: { [key: string]: any }
  gone?: readonly string[]
}

export interface Hello {
  type: 'hello'
  room?: string
  session?: string | null
  audience?: 'control' | 'tablet' | 'wall'
  build?: string
  wall_ms?: number
}

export interface Snapshot {
  type: 'snapshot'
  epoch: number
  seq: number
  part: number
  parts: number
  now_ms: number
  wall_ms: number
  rate: number
  topics: { [key: string]: { [key: string]: any } }
}

export interface Delta {
  type: 'delta'
  epoch: number
  seq: number
  now_ms: number
  wall_ms: number
  rate: number
  topics: { [key: string]: Changed }
}

export interface Beat {
  type: 'beat'
  epoch: number
  seq: number
  now_ms: number
  wall_ms: number
  rate: number
}

export interface Ask {
  type: 'ask'
  epoch?: number
  seq?: number | null
}

export interface TopicValues {
  session: SessionHead
  rooms: RoomHead
  readings: Reading
  skus: SkuRow
  lines: LineRow
  alerts: Alert
  rules: RuleView
  limits: LimitRow
  prompts: Prompt
  rundown: Rundown
  messages: Message
  sources: SourceRow
  quick: QuickPrompt
  gaps: GapRow
  guide: GuideLine
  deliveries: Delivery
  channels: Standing
  devices: DeviceRow
  health: HealthRow
}

export type Frame = Hello | Snapshot | Delta | Beat
