import Accounts
import HTTPServing
import Model

/// `/api/v1/audit`: who did what, the newest first; for administrators, and for those of a project what is about that.
enum AuditRoutes {
  private struct Entry: Encodable {
    var id: String
    var at: Int64
    var caller: String
    var action: String
    var project: String
    var repository: String
    var reference: String
    var digest: String?
    var from: String
    var outcome: AuditEntry.Outcome
    var count: Int?

    init(_ id: Int64, _ entry: AuditEntry) {
      (self.id, at, caller, action) = (String(id), entry.at, entry.caller, entry.action)
      (project, repository, reference) = (entry.project, entry.repository, entry.reference)
      (digest, from, outcome, count) = (entry.digest, entry.from, entry.outcome, entry.count)
    }
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/audit") { call, api in
      let query = call.request.query
      if let project = query["project"], !api.accounts.isAdministrator(call.principal) {
        try api.require(call, .manageMembers, in: project)
      } else {
        try api.requireAdministrator(call)
      }
      let page = try ListPage(call.request)
      var before = Int64.max
      if let text = query["before"] {
        guard let number = Int64(text), number > 0 else {
          throw PlatformError(.invalidArgument, "parameter 'before': '\(text.prefix(40))' is no id of an entry")
        }
        before = number
      }
      // One more than asked for tells whether there is more.
      let found = try api.access.audit.entries(
        before: before, project: query["project"], caller: query["caller"], action: query["action"],
        limit: page.limit + 1)
      let shown = found.prefix(page.limit)
      return try page.answer(
        page: shown.map { Entry($0.id, $0.entry) },
        next: found.count > shown.count ? shown.last.map { String($0.id) } : nil, cursor: "before")
    }
  }
}
