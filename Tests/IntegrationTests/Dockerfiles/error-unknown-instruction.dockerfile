FROM corpus-base
RUNN x
#: fails error-unknown-instruction.dockerfile:2:1: unknown instruction: RUNN
