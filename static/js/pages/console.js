/**
 * The console of one room: its parts, each drawing what is its own, on one board.
 */

import { AlertsPart } from './console_alerts.js'
import { HistoryPart } from './console_history.js'
import { HostPart } from './console_host.js'
import { goodsPart, groupPart, messagesPart, tilesPart } from './console_lists.js'
import { panelsPart } from './console_panels.js'
import { Room } from './console_room.js'
import { showPart } from './console_show.js'

const room = new Room()
showPart(room)
const host = new HostPart(room)
const alerts = new AlertsPart(room, host)
const history = new HistoryPart(room, alerts)
goodsPart(room)
messagesPart(room)
groupPart(room)
tilesPart(room)
panelsPart(room)

host.older = (id) => history.prompt(id)
room.onChange = (changed) => { if (changed.has('alerts')) alerts.keepPast() }
room.onFrame = () => history.sample()
room.onCaughtUp = () => history.load()
room.start()
