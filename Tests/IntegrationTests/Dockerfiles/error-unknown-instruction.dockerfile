FROM busybox
RUNN x
#: fails Dockerfile:2:1: unknown instruction: RUNN
