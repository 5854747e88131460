// Addresses and transport protocols are what this room's own types are made of, so whoever imports it has them too.
@_exported import Internet
