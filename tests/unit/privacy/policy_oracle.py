"""The policy once more, person by person and row by row in plain Python, written from the rules and not the SQL."""

from datetime import date, timedelta

from schemas.vocabulary import Category, Purpose, Tier

NONE = dict.fromkeys(Category, 0)


def day_of(text):
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


class Oracle:
    def __init__(self, rows, policy, reader, generation, found_by):
        self.rows, self.policy, self.reader = rows, policy, reader
        self.rules = policy.rules
        self.generation, self.found_by = generation, found_by
        self.today = date.fromisoformat((reader.instant + timedelta(hours=9)).date().isoformat())
        self.mentions = {row["mention_id"]: row for row in rows["view_mention"] if self.lives(row)}
        self.record = {row["mention_id"]: row["record_id"] for row in rows["mention"]}
        self.orders = [self.order(row) for row in rows["protection"] if not row["lifted"]]
        self.orders = [order for order in self.orders if order["group"]]
        self.guards = [order for order in self.orders if not order["cleared"]]

    def lives(self, row):
        return row["g_from"] <= self.generation < row["g_to"]

    def persons(self, mention_id):
        found = {row["person_id"] for row in self.rows["person_mention"] if row["mention_id"] == mention_id}
        if mention_id in self.mentions:
            found.add(self.mentions[mention_id]["person_id"])
        return found

    def order(self, row):
        group, opponents = self.persons(row["mention_id"]), set()
        for party in self.rows["protection_party"]:
            if party["protection_id"] == row["protection_id"]:
                (opponents if party["part"] == "against" else group).update(self.persons(party["mention_id"]))
        known = bool(row["opponent_known"]) and bool(opponents - group)
        if not known:
            homes = {member["household_id"] for member in self.rows["view_member"]}
            opponents |= {other for home in homes if self.ever(home) & group for other in self.ever(home)}
        opponents -= group
        clearance = {"protection_id": row["protection_id"], "agency_id": self.reader.agency_id}
        return {
            "group": group,
            "opponents": opponents,
            "cleared": {**clearance, "role": str(self.reader.role)} in self.rows["protection_clearance"],
        }

    # --- protection ---

    def guarded(self, person):
        return any(person in order["group"] for order in self.guards)

    def company(self, person):
        return set().union(*(order["group"] for order in self.guards if person in order["group"]))

    def ever(self, household):
        return {
            row["person_id"]
            for row in self.rows["view_member"]
            if row["household_id"] == household and row["g_from"] <= self.generation
        }

    def dangerous(self, household, order):
        inside = self.ever(household)
        return bool(inside & order["group"]) and bool(inside & order["opponents"])

    def absent_in(self, household):
        return set().union(*(order["group"] for order in self.guards if self.dangerous(household, order)))

    def quiet(self, person):
        company = {person}.union(
            *(
                self.ever(row["household_id"])
                for row in self.rows["view_member"]
                if person in self.ever(row["household_id"])
            )
        )
        return self.guarded(person) or any(company & order["opponents"] for order in self.orders)

    def hears(self, mention_id):
        row = self.mentions[mention_id]
        return row["agency_id"] == self.reader.agency_id or not self.quiet(row["person_id"])

    def vanished(self, mention_id):
        mine = self.mentions[mention_id]
        beside = [row for m, row in self.mentions.items() if self.record[m] == self.record[mention_id]]
        principals = {row["person_id"] for row in beside if row["role"] in self.rules.principal_roles}
        if self.guarded(mine["person_id"]):
            owners = principals or {row["person_id"] for row in beside}
            feed = mine["programme"] == self.rules.protection_programme
            return feed or bool(owners - self.company(mine["person_id"]))
        if mine["person_id"] in principals:
            return False
        return any(self.guarded(person) for person in principals) or self.may_be_hers(mine, principals)

    def may_be_hers(self, mine, principals):
        """In an opponent's own record: somebody born when a guarded person was, as far as anything is stated."""

        def agree(one, other):
            return one is None or other is None or one == other

        sought = {
            person
            for order in self.guards
            if not order["cleared"] and principals & order["opponents"]
            for person in order["group"]
        }
        return any(
            row["birth_year"] is not None
            and agree(mine["birth_year"], row["birth_year"])
            and agree(mine["birth_month"], row["birth_month"])
            for row in self.mentions.values()
            if row["person_id"] in sought
        )

    # --- bases ---

    def admits(self, row):
        reader = self.reader
        return (
            reader.purpose in self.rules.roles[reader.role]
            and reader.purpose in row.purposes
            and reader.role in row.roles
            and reader.agency_kind in row.agency_kinds
            and all(statement in reader.stated for statement in row.stated)
            and self.found_by >= row.attributes
        )

    def given(self, row):
        return {category: int(Tier[row.tiers.get(category, "none").upper()]) for category in Category}

    def consent(self, person, category):
        spoken = [
            row
            for row in self.rows["consent"]
            if row["mention_id"] in self.mentions and self.mentions[row["mention_id"]]["person_id"] == person
        ]
        best = 0
        for grant in spoken:
            if (
                not self.whole(grant)
                or self.mentions[grant["mention_id"]]["closed"]
                or grant["category"] != category
                or self.vanished(grant["mention_id"])
                or any(self.defeats(no, grant, category, spoken) for no in spoken)
            ):
                continue
            best = max(best, grant["tier"])
        return best

    def whole(self, row):
        begins, ends = day_of(row["valid_from"]), day_of(row["valid_to"])
        if begins and not row["valid_to"]:
            ends = date(begins.year + (begins.month >= 4), 4, 1)
        return (
            row["decision"] == "permit"
            and row["agency_id"] == self.reader.agency_id
            and row["purpose"] == self.reader.purpose
            and row["tier"] in {1, 2, 3}
            and row["given_by"] in self.rules.consent_given_by
            and begins is not None
            and ends is not None
            and begins <= self.today < ends
        )

    def defeats(self, no, grant, category, spoken):
        if no["decision"] == "permit":
            return False
        begins = day_of(no["valid_from"])
        if begins and begins > self.today:
            return False
        if no["agency_id"] not in {"", self.reader.agency_id}:
            return False
        if no["purpose"] != self.reader.purpose and no["purpose"] in set(Purpose):
            return False
        if no["category"] != category and no["category"] in set(Category):
            return False
        paper = [row for row in spoken if row["consent_token"] == grant["consent_token"]]
        heard = [row for row in paper if row["decision"] == "permit" and not self.vanished(row["mention_id"])]
        names = {row["supersedes_token"] for row in heard}
        later = begins is None or day_of(grant["valid_from"]) >= begins
        return not (later and no["consent_token"] in names)

    def exists(self, person):
        return any(row["person_id"] == person and not self.vanished(m) for m, row in self.mentions.items())

    def whole_person(self, person):
        """Category -> tier on every basis that holds for the whole person."""
        tiers = dict(NONE)
        if not self.exists(person):
            return tiers
        guarded = self.guarded(person)
        for row in self.rules.basis:
            if row.kind == "own_programme" or not self.admits(row):
                continue
            if guarded and row.under_protection == "defeated":
                continue
            for category, most in self.given(row).items():
                tier = min(most, self.consent(person, category)) if row.kind == "consent" else most
                tiers[category] = max(tiers[category], tier)
        if guarded:
            tiers[Category.ADDRESS] = 0
        return tiers

    def own(self, person):
        rows = [row for row in self.rules.basis if row.kind == "own_programme" and self.admits(row)]
        mine = any(
            row["person_id"] == person and row["agency_id"] == self.reader.agency_id and not self.vanished(m)
            for m, row in self.mentions.items()
        )
        if not rows or not mine:
            return dict(NONE)
        tiers = self.given(rows[0])
        if self.guarded(person) and rows[0].under_protection == "defeated":
            return dict(NONE)
        return {**tiers, Category.ADDRESS: 0} if self.guarded(person) else tiers

    def of_mention(self, mention_id):
        if self.vanished(mention_id):
            return dict(NONE)
        row = self.mentions[mention_id]
        tiers, own = self.whole_person(row["person_id"]), row["agency_id"] == self.reader.agency_id
        if own:
            mine = self.own(row["person_id"])
            return {category: max(tiers[category], mine[category]) for category in Category}
        return tiers

    def absent(self, person):
        return not any(self.whole_person(person).values()) and not any(self.own(person).values())

    # --- search ---

    def hits(self, persons, kinds):
        """Whom a search finds and by what, where each of these kinds, each an attribute of its own, matched."""
        seen = set()
        for person in persons:
            counted = kinds - {"town_lot", "phone"} if self.guarded(person) else kinds
            self.found_by = len(counted)
            if (len(counted) > 1 or "name_exact" in counted) and not self.absent(person):
                seen.add((person, counted))
        return seen

    # --- rows ---

    def seen_notes(self, persons):
        """The mentions whose free text is opened."""
        found = set()
        for mention_id, row in self.mentions.items():
            tiers = self.of_mention(mention_id)
            granted = tiers[Category.NOTES] == Tier.FULL and self.hears(mention_id)
            if row["person_id"] in persons and granted and (not row["sensitive"] or tiers[Category.SENSITIVE] == 3):
                found.add(mention_id)
        return found

    def facts(self, persons):
        """The facts that exist for the reader, each with its mention's tiers and its own."""
        for fact in self.rows["view_fact"]:
            mention = self.mentions.get(fact["mention_id"])
            if not self.lives(fact) or fact["person_id"] not in persons or mention is None:
                continue
            tiers = self.of_mention(fact["mention_id"])
            tier = tiers[Category(fact["category"])]
            if mention["sensitive"]:
                tier = min(tier, tiers[Category.SENSITIVE])
            other = fact["other_mention_id"]
            if other is not None and (
                other not in self.mentions
                or not tiers[Category.MEMBERSHIP]
                or not self.of_mention(other)[Category.MEMBERSHIP]
            ):
                continue
            if tier:
                yield fact, mention, tiers, tier

    def unnamed(self, mention):
        place = mention["programme"] in {"education", "medical"} and mention["agency_id"] != self.reader.agency_id
        return place and self.guarded(mention["person_id"])

    def seen_facts(self, persons):
        seen = {}
        for fact, mention, _, tier in self.facts(persons):
            if fact["category"] == Category.NOTES and not self.hears(fact["mention_id"]):
                continue
            if tier >= Tier.SUMMARY:
                agency = "" if self.unnamed(mention) else fact["source_agency_id"]
                seen[fact["fact_id"]] = (tier, fact["valid_from"][: 10 if tier == Tier.FULL else 7], agency)
        return seen

    def seen_pointers(self, persons):
        seen = set()
        known = {True: Category.SENSITIVE, False: Category.PARTICIPATION}
        for mention_id, row in self.mentions.items():
            category = known[bool(row["sensitive"])]
            if row["person_id"] in persons and self.of_mention(mention_id)[category] and not self.unnamed(row):
                seen.add((row["person_id"], category, row["agency_id"]))
        for fact, mention, tiers, _ in self.facts(persons):
            if tiers[known[bool(mention["sensitive"])]] and not self.unnamed(mention):
                seen.add((fact["person_id"], Category(fact["category"]), fact["source_agency_id"]))
        return seen

    def seen_members(self):
        seen = set()
        homes = {row["household_id"] for row in self.rows["view_member"]}
        for home in homes:
            there = {
                row["person_id"]: row
                for row in self.rows["view_member"]
                if row["household_id"] == home and self.lives(row)
            }
            known = {
                person
                for person in there
                if self.whole_person(person)[Category.MEMBERSHIP] and person not in self.absent_in(home)
            }
            headed = any(there[person]["relation"] == "02" for person in known)
            ties = [set(there[person]["evidence"].split("+")) for person in known]
            for person in known if len(known) > 1 else ():
                plain = self.whole_person(person)[Category.MEMBERSHIP] >= Tier.SUMMARY and headed
                evidence = [
                    tie
                    for tie in there[person]["evidence"].split("+")
                    if tie == "register" or sum(tie in other for other in ties) > 1
                ]
                seen.add((home, person, there[person]["relation"] if plain else "", "+".join(evidence)))
        return seen
