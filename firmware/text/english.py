"""English catalogue; how a catalogue is written is told in firmware.text.catalogue.

Screen lines hold 16 characters; a name with big_ holds 8, with r_ 32 (receipt; programs too read its words before the
colon), with age_ as much as the text it is put into leaves.
"""

TEXTS = """
big_earned: EARNED
big_saved: SAVED
big_used: USED
big_refused: REFUSED
big_not_used: NOT USED
big_not_done: NOT DONE
big_checking: CHECKING
big_voided: VOIDED
big_agreed: AGREED
big_changed: CHANGED
big_disputed: DISPUTED
big_open: NOT SENT
big_ready: READY
big_stopped: STOPPED
big_tap: TAP CARD
big_cards: {} CARDS
big_wait: WAIT
idle_name: Vafa
idle_no_time: --:--
idle_hint: Amount or card
idle_online: ONLINE
idle_offline: OFFLINE
idle_settled: nothing waiting
idle_waiting: {} waiting {}
idle_waiting_short: {} / {}
idle_dead: {} rejected
idle_full: Queue {}% full
idle_old: Waits too long
idle_kept: {} kept
age_now: now
age_minutes: {} min
age_hours: {} h
age_days: {} d
title_sale: SALE
title_redeem: REDEEM POINTS
title_balance: BALANCE
title_menu: MENU
title_points: HOW MANY POINTS
title_confirm: USE POINTS?
title_again: SAME SALE AGAIN?
last_sale: LAST SALE
last_redeem: LAST USE
last_else: If not: do again
card_label: Card
title_info: TERMINAL
ask_amount: Amount, then OK
ask_card: Hold card still
ask_again_1: Same card, same
ask_again_2: amount, just now
hint_amount: OK  CLEAR CANCEL
hint_points: UP DOWN OK
hint_confirm: OK yes CANCEL no
hint_cancel: CANCEL: stop
hint_ok: OK
hint_next: OK: next
currency: rial
wait_switch: Asking switch
wait_safe: Keep power on
points_have: of {}
points_worth: = {}
points_word: points
worth_word: worth
about: about {}
about_short: ~{}
to_be_confirmed: to be confirmed
under_review: under review
reserved: reserved
not_booked: nothing booked
balance_label: Bal.
confirmed: confirmed
estimated: estimated {}
as_of: as of {} ago
balance_unknown: no balance yet
ref_label: Ref
next_goodbye: Thank you
next_sms: Counts when sent
next_safe: Points are safe
next_again: Try again
next_supervisor: Ask supervisor
menu_reprint: 1 Reprint last
menu_send: 2 Send waiting
menu_info: 3 Terminal
menu_sent: Sending...
menu_printed: Printed
info_terminal: ID
info_waiting: Waiting
info_rejected: Rejected
menu_rejected: 4 Rejected ({})
title_rejected: REJECTED
title_right: RIGHT letters
title_give_up: GIVE UP?
right_tell: Tell the switch
right_answer: Its answer:
letter_ref: Ref {}
letter_sale: sale
letter_use: use
letter_undo: undo
letter_points: {} points
letter_again: 1 Send again
letter_give_up: 2 Give up
letter_print: 3 Print list
letter_settled: Switch has it
letter_given_up: Given up
hint_letter: OK UP DOWN
give_up_1: It is never sent
give_up_2: again.
reason_paid: Made good
reason_test: Test
reason_agreed: Member agreed
reason_else: Other
help_card: Fix card, resend
help_terminal: Unblock, resend
help_limit: Ask the switch
help_points: Compare points
help_support: Call support
start_risk: OFFLINE AT RISK
start_risk_next: Points unsecured
menu_shift: 5 End shift
title_end_shift: END SHIFT?
title_shift: END OF SHIFT
shift_batch: Batch
shift_ask_1: Sends the totals
shift_ask_2: prints a report
shift_to_send: {} to be sent
shift_compared: {} of {}
shift_adding: Adding up
shift_accruals: Accruals
shift_redemptions: Redeemed
shift_offline_accruals: Offline accruals
shift_offline_redemptions: Offline redeemed
shift_reversals: Reversals
shift_voids: Voided, not sent
shift_rejected: Rejected
shift_clerk: Clerk {}
shift_count: Count
start_maintenance: Maintenance
start_maintenance_next: Python prompt
starting: Starting
one_moment: One moment
left_to_read: {} to read
r_terminal: Terminal: {}
r_merchant: Merchant: {}
r_sale: ACCRUAL
r_redeem: REDEMPTION
r_offline: approved offline
r_amount: Amount: {} {}
r_value: Value: {} {}
r_points: Points: {}
r_points_about: Points: about {}
r_to_be_confirmed: to be confirmed by the switch
r_reserved: reserved: booked when sent
r_under_review: large amount: under review
r_balance: Balance: {}
r_balance_about: Balance: about {}
r_balance_age: estimated, data {} old
r_balance_fresh: estimated, data just now
r_stan: Stan: {}
r_ref: Ref: {}
r_approval: Approval: {}
r_date: Date: {} {}
r_card: Card: {}
r_member: Member: {}
r_refused: REFUSED: {}
r_reversed: NOT BOOKED: points are safe
r_unknown: OUTCOME BEING CHECKED
r_rejected: REJECTED LATER: ask supervisor
r_voided: VOIDED: nothing was booked
r_rejected_list: REJECTED TRANSACTIONS: {}
r_shift: SHIFT REPORT, BATCH {}
r_agreed: AGREED WITH THE SWITCH
r_changed: CLOSED BEFORE, CHANGED SINCE
r_disputed: DISPUTED
r_open: NOT RECONCILED, batch stays open
r_shift_code: {} {}
r_beginning_lost: BEGINNING LOST: not all is here
r_uploaded: Compared {}, different {}
r_waiting: Not sent yet: {}
r_seqs: SEQ {} to {}
r_chain: {}@{}
r_clerk: CLERK {}
r_no_clerk: WITHOUT CLERK
r_accruals: Accruals: {}
r_redemptions: Redemptions: {}
r_offline_accruals: Offline accruals: {}
r_offline_redemptions: Offline redemptions: {}
r_reversals: Reversals: {}
r_voids: Voided before send: {}
r_dead_letters: Rejected: {}
r_sum:  {} {}
r_sum_points: {} points
r_nothing: Nothing happened
r_rejected_now: Rejected and not resolved: {}
r_rejected_one: SEQ {}: {} {}
r_reprint: *** REPRINT ***
r_thanks_earn: Thank you for your visit
r_thanks_redeem: Enjoy your reward
"""

# One screen line what happened, at most two what to do.
ERRORS = """
X00: Terminal fault | Try again, note the code
X01: Part not alive | It restarts by itself
X02: Part restarted | Go on; note it if it repeats
X03: Program damaged | Copy firmware.bundle again
C01: No card | Start again
C02: Too many cards | Hold only one card
C03: Card moved away | Hold card still, tap again
C04: Card unreadable | Tap again or use another card
C05: Card not for us | Take a loyalty card
C06: Card not genuine | It earns only; note its number
R01: Reader fault | Restart, or call service
R02: Display fault | Restart, or call service
S03: Memory is full | Connect to send waiting sales
S05: Memory fault | Nothing booked. Call service
S06: Not signed on | Connect once before first sale
S07: Foreign memory | Do not sell. Call service
S08: Foreign keys | Do not sell. Call service
S09: Old memory | Do not sell. Call service
S10: Keys do not open | Do not sell. Call service
S11: Newer memory | Do not sell. Call service
S12: Memory is silent | Restart, or call service
S13: Not all erased | See console. Call service
S14: Tries damaged | See console. Call service
L01: No connection | Earning works, redeem later
L03: Line was cut | It reconnects by itself
L04: Switch not found | Check the network's name server
L05: Switch not there | Earning works, redeem later
L06: No safe line | Check the switch's TLS
L07: Switch refuses | Terminal not known. Call support
L08: No answer | Points are safe. Try again
L09: Bad answer | Points are safe. Try again
L10: Bad message | Try again, note the code
L11: Undo is refused | Note the code, call support
L12: Points differ | Note the code, call support
L20: Totals differ | Batch disputed. Call support
L21: Changed since | Agreed otherwise. Call support
L30: Terminal blocked | Return it or call support
L31: Office stopped | Call support
L32: Other protocol | Switch or terminal is too old
T01: Switch time odd | Note the code, call support
U01: Not signed | Note the code, call support
U02: An older file | Switch must publish a new one
U03: File not ours | Switch must publish it for us
U04: File unusable | Read the log, publish it anew
U05: File not kept | Note the code, call support
U06: File came late | Switch must publish a new one
U07: File damaged | It is loaded again by itself
U08: No file now | It is asked for again
T02: Clock not set | Check the clock's battery
T03: Time leaps back | Note the code, call support
K01: Not provisioned | Run provision on this terminal
K02: Wrong switch | Certificate bad. Call support
K03: Other master key | Empty the store, then restart
K04: Right is missing | Ask for it: right and its name
K05: Wrong answer | Check nonce and digits
K06: Answers paused | Wait as the console says
K07: Other number | See what waits, type its number
K20: Older key | Note the code, call support
K21: Key damaged | Note the code, call support
K22: Switch's name | Check switch_name. Call support
K23: Switch expired | Its certificate must be renewed
K24: Switch too early | Check the terminal's clock
K25: Keys will go | Connect, send what waits
K26: Own certificate | Provision it again
P01: Cancelled | Nothing booked
P02: Time is over | Nothing booked
P10: Amount is 0 | Key the amount, then OK
P11: Amount too large | Split it or ask supervisor
P12: Too many digits | 12 digits at most
P13: Not this key | Use the keys shown below
P14: Points not valid | Use UP and DOWN
P20: Too few points | Collect more, then use them
P21: No connection | You keep your points. Earn works
P22: Card only earns | Swap it for a protected card
P23: Card is blocked | Ask the member to call support
P24: Queue is full | Connect to send waiting sales
P25: Offline: no sale | Connect, then try again
P26: Balance unknown | Connect, then tap again
P27: Selling stopped | Keys refused. Call support
P28: Renew this card | It earns. Offer a new card
P31: No last sale | Nothing to print
P32: No paper | Add paper, MENU reprints
P40: Not rejected | See the list again
P41: None rejected | Nothing to do
P42: Waits too long | Connect to send waiting sales
P50: Nothing reserved | Points are safe. Tap once online
P51: Used offline now | Again when connected. Earn works
P52: Offline limit | Connect first. Points are safe
P53: Data too old | Connect first. Points are safe
P54: Clock not sure | Connect once. Points are safe
P60: Not all is sent | Connect, wait, then end shift
P61: Not reconciled | Connect, then end shift again
H12: Not possible | Note the code, call support
H13: Amount refused | Check the amount
H14: Card not known | Enrol the card first
H25: Sale not found | Check the reference
H30: Message refused | Note the code, call support
H41: Card is lost | Member must call support
H43: Card is stolen | Member must call support
H51: Too few points | Choose fewer points
H54: Card expired | Renew the card
H57: Card may not | Swap it for a protected card
H58: Terminal may not | Call support
H59: Renew this card | Points are safe. Call support
H61: Amount too large | Above the card's limit
H62: Card restricted | Member must call support
H65: Too many times | Try again another day
H99: Switch refuses | Note the code, call support
"""
