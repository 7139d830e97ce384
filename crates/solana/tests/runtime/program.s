.globl entrypoint
entrypoint:
  ldxdw r6, [r1+0]      ; accounts
  mov64 r7, r1
  add64 r7, 8
  jeq r6, 0, data
next:
  ldxb r2, [r7+0]
  jne r2, 255, dup
  ldxdw r3, [r7+80]     ; data length
  add64 r7, 10328       ; 88 header + 10240 spare
  add64 r7, r3
  add64 r7, 7
  and64 r7, -8
  add64 r7, 8
  ja step
dup:
  add64 r7, 8
step:
  sub64 r6, 1
  jne r6, 0, next
data:
  ldxdw r8, [r7+0]
  add64 r7, 8
  mov64 r9, r7
  add64 r9, r8          ; program id
  jeq r8, 0, done
  ldxb r2, [r7+0]
  add64 r7, 1
  sub64 r8, 1
  jeq r2, 0, log
  jeq r2, 1, cpi
  jeq r2, 2, call
done:
  mov64 r0, 0
  exit
log:
  stxdw [r10-16], r7
  stxdw [r10-8], r8
  mov64 r1, r10
  add64 r1, -16
  mov64 r2, 1
  call sol_log_data
  mov64 r0, 0
  exit
call:
  mov64 r9, r7          ; the program to call stands first
  add64 r7, 32
  sub64 r8, 32
cpi:
  stxdw [r10-56], r9    ; its only account is the called program
  mov64 r2, 0
  stxdw [r10-48], r2    ; neither writable nor signer
  stxdw [r10-40], r9
  mov64 r2, r10
  add64 r2, -56
  stxdw [r10-32], r2
  mov64 r2, 1
  stxdw [r10-24], r2
  stxdw [r10-16], r7
  stxdw [r10-8], r8
  mov64 r1, r10
  add64 r1, -40
  mov64 r2, r10
  mov64 r3, 0
  mov64 r4, r10
  mov64 r5, 0
  call sol_invoke_signed_c
  mov64 r0, 0
  exit
