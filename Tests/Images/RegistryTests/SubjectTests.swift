import Testing

@testable import Registry

@Suite struct SubjectTests {
  private static let one = String(repeating: "1", count: 64)
  private static let two = String(repeating: "2", count: 64)

  /// What a user knows: names and digests, never tables.
  @Test(
    arguments: [
      (Table.blobs, one, "sha256:\(one)"), (Table.orphans, one, "sha256:\(one)"),
      (Table.holdings, "\(one):team", "sha256:\(one) in project team"),
      (Table.links, "team/app:\(one)", "blob sha256:\(one) of team/app"),
      (Table.leases, "team/app:\(one)", "blob sha256:\(one) of team/app"),
      (Table.manifests, "team/app:\(one)", "team/app@sha256:\(one)"),
      (Table.uses, "team/app:\(one):\(two)", "sha256:\(one) as part of team/app@sha256:\(two)"),
      (Table.tags, "team/app:v1", "team/app:v1"),
      (Table.tagged, "team/app:\(one):v1", "team/app:v1 of sha256:\(one)"),
      (Table.referrers, "team/app:\(one):\(two)", "team/app@sha256:\(two) as referrer of sha256:\(one)"),
      (Table.repositories, "team/app", "repository team/app"), (Table.projects, "team", "project team"),
      (Table.manifests, "team/app", "team/app@?"), (Table.blobs, "", "?"),
    ])
  func recordsAreNamedByWhatTheyAreAbout(table: String, id: String, subject: String) {
    #expect(Table.subject(table, id) == subject)
  }

  @Test func everyTableHasWords() {
    for table in Table.derived { #expect(!Table.subject(table, "a:b:c").contains("registry_"), "\(table)") }
  }
}
