# nothing
#: fails file with no instructions
