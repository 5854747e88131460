import Testing

@testable import Accounts

@Suite struct RoleTests {}
