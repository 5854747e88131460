import Accounts

/// Who one is, access tokens, robots and the token service.
extension APIDocument {
  static let credentials: [APIOperation] = [
    APIOperation(.GET, "/me", "getMe", .accounts, "Who the caller is.", gives: .json(.reference("Me"))),
    APIOperation(
      .PATCH, "/users/{name}", "updateUser", .accounts, "Makes a user an administrator, or takes it from him.",
      body: .reference("UserChange"), gives: .json(.reference("User"))),
    APIOperation(
      .GET, "/tokens", "listTokens", .accounts, "The caller's access tokens.",
      query: APIOperation.Parameter.paging + [user], gives: .page(of: .reference("Token"))),
    APIOperation(
      .POST, "/tokens", "createToken", .accounts, "Makes an access token; the secret is told this once.",
      query: [user], body: .reference("NewToken"), gives: .created(.reference("Token"))),
    APIOperation(
      .PATCH, "/tokens/{id}", "updateToken", .accounts, "Disables an access token, or enables it.",
      body: .reference("Disabling"), gives: .json(.reference("Token"))),
    APIOperation(.DELETE, "/tokens/{id}", "removeToken", .accounts, "Removes an access token.", gives: .nothing),
    APIOperation(
      .GET, "/projects/{name}/robots", "listRobots", .projects, "A project's robots, for its administrators.",
      query: APIOperation.Parameter.paging, gives: .page(of: .reference("Robot"))),
    APIOperation(
      .POST, "/projects/{name}/robots", "createRobot", .projects, "Makes a robot; the secret is told this once.",
      body: .reference("NewRobot"), gives: .created(.reference("Robot"))),
    APIOperation(
      .PATCH, "/projects/{name}/robots/{robot}", "updateRobot", .projects, "Disables a robot, or enables it.",
      body: .reference("Disabling"), gives: .json(.reference("Robot"))),
    APIOperation(
      .POST, "/projects/{name}/robots/{robot}/secret", "renewRobot", .projects,
      "Gives a robot another secret; the old one stops to work.", gives: .created(.reference("Robot"))),
    APIOperation(
      .DELETE, "/projects/{name}/robots/{robot}", "removeRobot", .projects, "Removes a robot.", gives: .nothing),
    APIOperation(
      .GET, "/token", "getBearerToken", .accounts, "docker's token service: a token for the registry.",
      query: [
        APIOperation.Parameter("service", .string("'\(AccountStore.service)'")),
        APIOperation.Parameter("scope", .string("TYPE:NAME:ACTIONS, parted by spaces; may be repeated")),
        APIOperation.Parameter("account", .string("Not looked at")),
      ], gives: .json(.reference("BearerToken")), isOpen: true),
    APIOperation(
      .POST, "/token", "postBearerToken", .accounts, "The same in the form of OAuth 2, with grant_type=password.",
      gives: .json(.reference("BearerToken")), isOpen: true),
  ]

  static let audit: [APIOperation] = [
    APIOperation(
      .GET, "/audit", "listAudit", .audit,
      "Who did what, the newest first; for administrators, and for a project's what is about it.",
      query: [
        APIOperation.Parameter("limit", .integer("Entries of a page; 100 when not given", in: 1...1_000)),
        APIOperation.Parameter("before", .string("The last entry of the page before")),
        APIOperation.Parameter("project", .string("Only of this project")),
        APIOperation.Parameter("caller", .string("Only by this one")),
        APIOperation.Parameter("action", .string("Only these: pullManifest, login, change, refused and others")),
      ], gives: .page(of: .reference("AuditEntry")))
  ]

  private static let user = APIOperation.Parameter("user", .string("Another user, for administrators"))

  private static let secret = DocumentValue.string("Told once, when it was made")

  static let credentialSchemas: [String: DocumentValue] = [
    "Me": .object(
      "Who asks.",
      [
        "name": .string("The user, or the robot's login"),
        "kind": .choice(["user", "robot", "localAdministrator"], "What it is"),
        "isAdministrator": .boolean("May everything, in every project"),
      ]),
    "UserChange": .object(
      "What of a user changes.", ["isAdministrator": .boolean("May everything, in every project")]),
    "Disabling": .object("Whether it is refused.", ["isDisabled": .boolean("It is refused from now on")]),
    "Token": .object(
      "An access token.",
      [
        "id": .string("Rises with time"), "user": .string("Whose it is"), "name": .string("What he calls it"),
        "scope": scope, "createdAt": .moment("When it was made"), "expiresAt?": .moment("Its end"),
        "lastUsedAt?": .moment("To a minute"), "isDisabled": .boolean("It is refused"), "secret?": secret,
      ]),
    "NewToken": .object(
      "An access token to be.",
      [
        "name": .string("Lower-case letters and digits, parted by single '.', '-' or '_', 63 at most"),
        "scope?": scope, "expiresInDays?": days("It does not end by itself when not given"),
      ]),
    "Robot": .object(
      "An account of a program.",
      [
        "name": .string("Its name"), "login": .string("robot$PROJECT+NAME"), "actions": actions,
        "repositories?": .string("Pattern over whole names of repositories; all of the project when not there"),
        "createdAt": .moment("When it was made"), "expiresAt": .moment("Its end"),
        "lastUsedAt?": .moment("To a minute"), "isDisabled": .boolean("It is refused"), "secret?": secret,
      ]),
    "NewRobot": .object(
      "A robot to be.",
      [
        "name": .string("Lower-case letters and digits, parted by single '.', '-' or '_', 63 at most"),
        "actions": actions,
        "repositories?": .string("Pattern over whole names of repositories, as team/app*"),
        "expiresInDays?": days("90 when not given"),
      ]),
    "AuditEntry": .object(
      "Something that was done, or refused.",
      [
        "id": .string("Rises with time"), "at": .moment("When"), "caller": .string("Empty for nobody in particular"),
        "action": .string("What"), "project": .string("Empty for none"), "repository": .string("Empty for none"),
        "reference": .string("A tag, a digest, or what changed"), "digest?": .string("Of what was sent or taken"),
        "from": .string("The address, or local"), "outcome": .choice(["ok", "refused"], "How it ended"),
        "count?": .integer("How often within about a second; once when not there"),
      ]),
    "BearerToken": .object(
      "A token for the registry.",
      [
        "token": .string("For the bearer scheme"), "access_token": .string("The same"),
        "expires_in": .integer("Seconds"), "issued_at": .string("RFC 3339"),
      ]),
  ]

  private static let scope = DocumentValue.choice(
    TokenScope.allCases.map(\.rawValue), "read: pull; write: push, too; all: all that the user may")
  private static let actions = DocumentValue.array(
    .choice(Robot.actions.map(\.rawValue), "What it may"), atMost: Int64(Robot.actions.count))

  private static func days(_ text: String) -> DocumentValue { .integer(text, in: 1...3_650) }
}
