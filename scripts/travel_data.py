#!/usr/bin/env python3
"""Writes agents/travel/data: real airports, partly real routes, invented timetable and fares.

    scripts/travel_data.py [CACHE_DIR]        # archives in CACHE_DIR/dl, default ~/.cache/ragent

Airports come from PyPI airportsdata 20260905 (MIT), domestic routes of the United States from npm
vega-datasets 3.2.1 (US Bureau of Transportation Statistics, 2008, public domain). Every other
route follows a seeded rule from the size of its ends and their distance. Flight numbers, times and
fares are invented. The same inputs give the same bytes: nothing here reads a clock or hash order.
"""
import csv
import datetime
import hashlib
import io
import math
import os
import random
import sys
import tarfile
import unicodedata
import zipfile
import zoneinfo
from pathlib import Path

SEED = 20260905
WHEEL = ("airportsdata-20260905-py3-none-any.whl",
         "d7eaa9a57d373b0adaaae0d52da2af0bb0edf73f7baa170f7c415d3342bf4868")
TARBALL = ("vega-datasets-3.2.1.tgz",
           "6f72fda460a9863fae5fcb32f85bcd49e1761fdea6dc6cf9f4962472881cc5a3")
SUMMER_FREE_DAY = datetime.datetime(2027, 1, 15)  # arrival times use this day's offsets
US_AIRPORTS = 55          # those with most departures in 2008
US_COUNT_MIN = 330        # departures of a route in that year: about daily
CARRIERS = "QX KP TL VX ZN OM HJ YR WD GZ FN LQ XJ PV RK TZ BV JH NQ CW".split()

# City, then its airports with their size: 1 intercontinental, 2 large, 3 regional.
CITIES = """
London LHR1 LGW2 STN3 LCY3|Manchester MAN2|Edinburgh EDI2|Glasgow GLA3|Birmingham BHX3|Bristol BRS3
Belfast BFS3|Newcastle NCL3|Dublin DUB2|Cork ORK3|Paris CDG1 ORY2|Nice NCE2|Lyon LYS2|Marseille MRS3
Toulouse TLS3|Bordeaux BOD3|Nantes NTE3|Strasbourg SXB3|Amsterdam AMS1|Eindhoven EIN3|Brussels BRU2
Luxembourg LUX3|Frankfurt FRA1|Munich MUC1|Berlin BER2|Hamburg HAM2|Düsseldorf DUS2|Cologne CGN3
Stuttgart STR2|Hanover HAJ3|Leipzig LEJ3|Nuremberg NUE3|Dresden DRS3|Bremen BRE3|Zurich ZRH1
Geneva GVA2|Basel BSL3|Vienna VIE2|Salzburg SZG3|Innsbruck INN3|Graz GRZ3|Prague PRG2|Brno BRQ3
Bratislava BTS3|Budapest BUD2|Warsaw WAW2|Krakow KRK3|Gdansk GDN3|Wroclaw WRO3|Copenhagen CPH1
Billund BLL3|Aarhus AAR3|Stockholm ARN2|Gothenburg GOT3|Malmo MMX3|Kiruna KRN3|Oslo OSL2|Bergen BGO3
Trondheim TRD3|Stavanger SVG3|Tromso TOS3|Bodo BOO3|Helsinki HEL2|Rovaniemi RVN3|Oulu OUL3
Tallinn TLL3|Riga RIX3|Vilnius VNO3|Reykjavik KEF2|Akureyri AEY3|Torshavn FAE3|Rome FCO1 CIA3
Milan MXP2 LIN3 BGY3|Venice VCE3|Florence FLR3|Naples NAP2|Turin TRN3|Bologna BLQ3|Pisa PSA3
Palermo PMO3|Catania CTA3|Cagliari CAG3|Bari BRI3|Malta MLA3|Madrid MAD1|Barcelona BCN1|Valencia VLC3
Seville SVQ3|Malaga AGP2|Bilbao BIO3|Palma de Mallorca PMI2|Ibiza IBZ3|Alicante ALC3|Tenerife TFS3
Las Palmas LPA3|Lisbon LIS2|Porto OPO3|Faro FAO3|Funchal FNC3|Ponta Delgada PDL3|Athens ATH2
Thessaloniki SKG3|Heraklion HER3|Rhodes RHO3|Larnaca LCA3|Istanbul IST1 SAW3|Ankara ESB3|Antalya AYT3
Izmir ADB3|Bucharest OTP2|Sofia SOF3|Belgrade BEG3|Zagreb ZAG3|Split SPU3|Dubrovnik DBV3
Ljubljana LJU3|Sarajevo SJJ3|Skopje SKP3|Tirana TIA3|Podgorica TGD3|Chisinau RMO3|Tbilisi TBS3
Yerevan EVN3|Baku GYD3|Tel Aviv TLV2|Amman AMM3|Beirut BEY3|Cairo CAI2|Hurghada HRG3|Casablanca CMN2
Marrakesh RAK3|Tunis TUN3|Algiers ALG3|Lagos LOS2|Accra ACC3|Abidjan ABJ3|Dakar DSS3|Addis Ababa ADD2
Nairobi NBO2|Mombasa MBA3|Kigali KGL3|Entebbe EBB3|Dar es Salaam DAR3|Zanzibar ZNZ3|Johannesburg JNB1
Cape Town CPT2|Durban DUR3|Windhoek WDH3|Lusaka LUN3|Harare HRE3|Maputo MPM3|Luanda LAD3
Mauritius MRU3|Antananarivo TNR3|Dubai DXB1|Abu Dhabi AUH2|Doha DOH1|Riyadh RUH2|Jeddah JED2
Muscat MCT3|Kuwait City KWI3|Manama BAH3|Tashkent TAS3|Almaty ALA3|Delhi DEL1|Mumbai BOM1
Bangalore BLR2|Chennai MAA2|Hyderabad HYD2|Kolkata CCU2|Goa GOI3|Kochi COK3|Jaipur JAI3|Colombo CMB3
Male MLE3|Kathmandu KTM3|Dhaka DAC3|Karachi KHI3|Lahore LHE3|Islamabad ISB3|Bangkok BKK1 DMK3
Phuket HKT3|Chiang Mai CNX3|Singapore SIN1|Kuala Lumpur KUL1|Penang PEN3|Langkawi LGK3|Jakarta CGK2
Denpasar DPS2|Yogyakarta YIA3|Surabaya SUB3|Manila MNL2|Cebu CEB3|Hanoi HAN2|Ho Chi Minh City SGN2
Da Nang DAD3|Phnom Penh KTI3|Siem Reap SAI3|Vientiane VTE3|Yangon RGN3|Hong Kong HKG1|Macau MFM3
Taipei TPE2|Beijing PEK1|Shanghai PVG1 SHA3|Guangzhou CAN2|Shenzhen SZX2|Chengdu TFU2|Xi'an XIY3
Kunming KMG3|Hangzhou HGH3|Tokyo HND1 NRT1|Osaka KIX2 ITM3|Nagoya NGO3|Sapporo CTS2|Fukuoka FUK3
Okinawa OKA3|Hiroshima HIJ3|Seoul ICN1 GMP3|Busan PUS3|Jeju CJU3|Ulaanbaatar UBN3|Sydney SYD1
Melbourne MEL1|Brisbane BNE2|Perth PER2|Adelaide ADL3|Cairns CNS3|Hobart HBA3|Darwin DRW3
Canberra CBR3|Auckland AKL2|Wellington WLG3|Christchurch CHC3|Queenstown ZQN3|Nadi NAN3|Papeete PPT3
Noumea NOU3|Toronto YYZ1|Montreal YUL2|Vancouver YVR1|Calgary YYC2|Ottawa YOW3|Quebec YQB3
Halifax YHZ3|Winnipeg YWG3|Edmonton YEG3|Mexico City MEX1|Cancun CUN2|Guadalajara GDL3|Monterrey MTY3
Havana HAV3|San Jose SJO3|Panama City PTY2|Guatemala City GUA3|San Salvador SAL3|Kingston KIN3
Punta Cana PUJ3|Nassau NAS3|Bogota BOG2|Medellin MDE3|Cartagena CTG3|Quito UIO3|Guayaquil GYE3|Lima LIM2
Cusco CUZ3|La Paz LPB3|Santa Cruz VVI3|Santiago SCL2|Buenos Aires EZE1 AEP3|Cordoba COR3|Mendoza MDZ3
Ushuaia USH3|Montevideo MVD3|Asuncion ASU3|Sao Paulo GRU1 CGH3|Rio de Janeiro GIG2 SDU3|Brasilia BSB3
Salvador SSA3|Recife REC3|Fortaleza FOR3|Manaus MAO3|Nuuk GOH3
"""
US_CITIES = {"CVG": "Cincinnati", "BDL": "Hartford", "RDU": "Raleigh", "SNA": "Santa Ana", "OGG": "Maui"}
US_LARGE = "ATL1 JFK1 LAX1 ORD1 SFO1 DFW1 MIA1 EWR1 IAD1 BOS1 SEA1 IAH1 DEN2 PHL2 DTW2 MSP2 LAS2 PHX2 " \
           "CLT2 MCO2 HNL2 SLC3 SAN3 PDX3 TPA3 BWI3 DCA3 LGA3"

# Other ways in which people write a city.
ALIASES = {
    "New York": ["NYC", "New York City"], "Los Angeles": ["LA"], "San Francisco": ["SF"],
    "Washington": ["Washington DC", "Washington D.C."], "Munich": ["München", "Muenchen"],
    "Vienna": ["Wien"], "Prague": ["Praha"], "Cologne": ["Köln", "Koeln"], "Rome": ["Roma"],
    "Düsseldorf": ["Duesseldorf"], "Hanover": ["Hannover"], "Nuremberg": ["Nürnberg"],
    "Zurich": ["Zürich", "Zuerich"], "Geneva": ["Genève", "Genf"], "Milan": ["Milano"],
    "Venice": ["Venezia"], "Florence": ["Firenze"], "Naples": ["Napoli"], "Turin": ["Torino"],
    "Lisbon": ["Lisboa"], "Warsaw": ["Warszawa"], "Krakow": ["Kraków", "Cracow"],
    "Gdansk": ["Gdańsk"], "Wroclaw": ["Wrocław"], "Copenhagen": ["København", "Kopenhagen"],
    "Gothenburg": ["Göteborg"], "Malmo": ["Malmö"], "Tromso": ["Tromsø"], "Bodo": ["Bodø"],
    "Aarhus": ["Århus"], "Brussels": ["Bruxelles", "Brussel"], "Seville": ["Sevilla"],
    "Malaga": ["Málaga"], "Palma de Mallorca": ["Palma", "Mallorca", "Majorca"],
    "Las Palmas": ["Gran Canaria"], "Athens": ["Athina"], "Bucharest": ["Bucuresti", "București"],
    "Belgrade": ["Beograd"], "Reykjavik": ["Reykjavík", "Keflavik"], "Torshavn": ["Tórshavn"],
    "Funchal": ["Madeira"], "Ponta Delgada": ["Azores"], "Heraklion": ["Crete", "Iraklio"],
    "Rhodes": ["Rhodos"], "Marrakesh": ["Marrakech"], "Delhi": ["New Delhi"],
    "Mumbai": ["Bombay"], "Bangalore": ["Bengaluru"], "Chennai": ["Madras"],
    "Kolkata": ["Calcutta"], "Kochi": ["Cochin"], "Denpasar": ["Bali"], "Yangon": ["Rangoon"],
    "Ho Chi Minh City": ["Saigon"], "Beijing": ["Peking"], "Guangzhou": ["Canton"],
    "Okinawa": ["Naha"], "Sapporo": ["Chitose"], "Montreal": ["Montréal"],
    "Quebec": ["Québec", "Quebec City"], "Cancun": ["Cancún"], "Bogota": ["Bogotá"],
    "Medellin": ["Medellín"], "Cordoba": ["Córdoba"], "Asuncion": ["Asunción"],
    "Sao Paulo": ["São Paulo"], "Rio de Janeiro": ["Rio"], "Brasilia": ["Brasília"],
    "Mexico City": ["Ciudad de México"], "Male": ["Maldives"], "Honolulu": ["Hawaii"],
    "San Jose": ["San José"], "Istanbul": ["İstanbul"], "Nuuk": ["Godthab", "Greenland"],
    "Noumea": ["Nouméa"], "Papeete": ["Tahiti"], "Tenerife": ["Teneriffa"],
}
COUNTRY_NAMES = {"GB": "United Kingdom", "CZ": "Czechia", "KR": "South Korea", "VN": "Vietnam",
                 "MO": "Macau", "MM": "Myanmar", "BO": "Bolivia", "FO": "Faroe Islands"}
EARTH_KM = 6371.0


def archive(folder, name_and_sum):
    name, expected = name_and_sum
    path = folder / name
    if not path.is_file():
        sys.exit(f"travel_data: {path} is missing; scripts/setup fetches it")
    got = hashlib.sha256(path.read_bytes()).hexdigest()
    if got != expected:
        sys.exit(f"travel_data: {path} has sha256 {got}, expected {expected}; delete it and fetch it again")
    return path


def read_archives(folder):
    with zipfile.ZipFile(archive(folder, WHEEL)) as wheel:
        text = wheel.read("airportsdata/airports.csv").decode()
        macs_text = wheel.read("airportsdata/iata_macs.csv").decode()
    with tarfile.open(archive(folder, TARBALL)) as tarball:
        us_text = tarball.extractfile("package/data/flights-airport.csv").read().decode()
    airports = {row["iata"]: row for row in csv.DictReader(io.StringIO(text)) if row["iata"]}
    macs = {row["Airport Code"]: row for row in csv.DictReader(io.StringIO(macs_text))}
    us = [(row["origin"], row["destination"], int(row["count"]))
          for row in csv.DictReader(io.StringIO(us_text))]
    return airports, macs, us


def countries():
    names = {}
    for line in Path("/usr/share/zoneinfo/iso3166.tab").read_text().splitlines():
        if line and not line.startswith("#"):
            code, name = line.split("\t")
            names[code] = name
    return names | COUNTRY_NAMES


def distance_km(a, b):
    lat1, lon1, lat2, lon2 = (math.radians(float(x)) for x in (a["lat"], a["lon"], b["lat"], b["lon"]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(math.sqrt(h))


def ascii_of(text):
    text = text.replace("ø", "o").replace("Ø", "O").replace("ł", "l").replace("ß", "ss").replace("æ", "ae")
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def choose_airports(airports, macs, us):
    """code → (city, size): the list above and the busiest of the United States."""
    chosen = {}
    for entry in CITIES.strip().replace("\n", "|").split("|"):
        words = entry.split()
        codes = [w for w in words if len(w) == 4 and w[:3].isupper() and w[3].isdigit()]
        city = " ".join(w for w in words if w not in codes)
        for code in codes:
            if code[:3] not in airports:
                sys.exit(f"travel_data: no airport {code[:3]} in {WHEEL[0]}")
            chosen[code[:3]] = (city, int(code[3]))
    departures = {}
    for origin, _, count in us:
        departures[origin] = departures.get(origin, 0) + count
    busiest = sorted((c for c in departures if c in airports), key=lambda c: (-departures[c], c))
    large = {item[:3]: int(item[3]) for item in US_LARGE.split()}
    for code in busiest[:US_AIRPORTS]:
        city = US_CITIES.get(code) or (macs[code]["City Name"] if code in macs else airports[code]["city"])
        chosen[code] = (city, large.get(code, 3))
    return chosen


def linked(a, b, size_a, size_b, km, same_country, rng):
    """Whether two airports have a direct route: the rule for all but the United States' own."""
    low, high = min(size_a, size_b), max(size_a, size_b)
    chance = rng.random()
    if km < (120 if same_country else 80):
        return False
    if (low, high) == (1, 1):
        return km < 13_500 and chance < (1.0 if km < 2_500 else 0.9 if km < 10_000 else 0.7)
    if (low, high) == (1, 2):
        return chance < (1.0 if km < 2_500 else 0.6 if km < 6_000 else 0.3 if km < 9_500 else 0)
    if (low, high) == (2, 2):
        return chance < (1.0 if km < 1_500 else 0.7 if km < 2_200 else 0.3 if km < 3_500 else 0.03 if km < 8_000 else 0)
    if (low, high) == (1, 3):
        return chance < (0.8 if km < 1_200 else 0.25 if km < 2_500 else 0.04 if km < 6_000 else 0)
    if (low, high) == (2, 3):
        return chance < (0.8 if same_country else 0.35 if km < 1_200 else 0.1 if km < 2_500 else 0)
    return chance < (0.35 if same_country and km < 1_800 else 0.06 if km < 900 else 0)


def routes(airports, chosen, us, rng):
    """Undirected pairs with the number of flights a day."""
    codes = sorted(chosen)
    pairs = {}
    for origin, destination, count in sorted(us):
        if origin in chosen and destination in chosen and count >= US_COUNT_MIN:
            key = tuple(sorted((origin, destination)))
            pairs[key] = max(pairs.get(key, 0), 1 if count < 1_200 else 2)
    for i, a in enumerate(codes):
        for b in codes[i + 1:]:
            same_country = airports[a]["country"] == airports[b]["country"]
            if same_country and airports[a]["country"] == "US" or chosen[a][0] == chosen[b][0]:
                continue
            size_a, size_b = chosen[a][1], chosen[b][1]
            km = distance_km(airports[a], airports[b])
            if linked(a, b, size_a, size_b, km, same_country, rng):
                pairs[(a, b)] = 2 if km < 3_500 else 1
    return pairs


def clock(minutes):
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def timetable(airports, chosen, pairs, rng):
    numbers = [carrier + str(n) for carrier in CARRIERS for n in range(100, 1000)]
    rng.shuffle(numbers)
    zones = {code: zoneinfo.ZoneInfo(airports[code]["tz"]) for code in chosen}
    offset = {code: int(SUMMER_FREE_DAY.replace(tzinfo=zone).utcoffset().total_seconds() // 60)
              for code, zone in zones.items()}
    rows = []
    for (a, b), daily in sorted(pairs.items()):
        km = distance_km(airports[a], airports[b])
        minutes = 5 * round((35 + km / 13.6) / 5)
        for origin, destination in ((a, b), (b, a)):
            first = rng.randrange(6 * 60, 10 * 60, 5)
            gap = (22 * 60 - first) // daily // 5 * 5
            for i in range(daily):
                departs = first + gap * i + rng.randrange(0, gap, 5)
                lands = departs + minutes + offset[destination] - offset[origin]
                days = "1234567"
                if i > 0 and rng.random() < 0.4:  # the first flight of a route goes every day
                    days = "".join(sorted(rng.sample("1234567", rng.choice((4, 5, 6)))))
                day_shift = lands // 1440
                arrives = clock(lands) + (f"+{day_shift}" if day_shift > 0 else str(day_shift) if day_shift else "")
                fare = round((36 + 0.055 * km) * rng.uniform(0.75, 1.4))
                rows.append((numbers.pop(), origin, destination, clock(departs), arrives, days, fare))
    return rows


def place_rows(airports, macs, chosen):
    rows = []
    for code in sorted(chosen):
        city, _ = chosen[code]
        record = airports[code]
        name = record["name"]
        short = name.removesuffix(" Airport").removesuffix(" International")
        names = [code, city, record["city"], f"{city} {code}", f"{city} Airport", name, short]
        if not short.startswith(city):
            names.append(f"{city} {short}")
        names += ALIASES.get(city, [])
        if code in macs:
            names += [macs[code]["City Code"], macs[code]["City Name"]]
        seen = set()
        for text in names + [ascii_of(n) for n in names]:
            if text and text.casefold() not in seen and "," not in text:
                seen.add(text.casefold())
                rows.append((text, code))
    return rows


def write(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{path}: {len(rows)} rows, {path.stat().st_size // 1024} KB")


def main():
    cache = Path(sys.argv[1] if len(sys.argv) > 1 else os.path.expanduser("~/.cache/ragent"))
    data = Path(__file__).resolve().parent.parent / "agents" / "travel" / "data"
    data.mkdir(parents=True, exist_ok=True)
    airports, macs, us = read_archives(cache / "dl")
    chosen = choose_airports(airports, macs, us)
    rng = random.Random(SEED)
    flights = timetable(airports, chosen, routes(airports, chosen, us, rng), rng)
    departures = {}
    for row in flights:
        departures[row[1]] = departures.get(row[1], 0) + 1
    country_names = countries()
    table = []
    for code in sorted(chosen, key=lambda c: (-departures.get(c, 0), c)):
        a = airports[code]
        table.append((code, ascii_of(chosen[code][0]), country_names[a["country"]], ascii_of(a["name"]),
                      round(float(a["lat"]), 4), round(float(a["lon"]), 4),
                      round(float(a["elevation"]) * 0.3048), a["tz"], departures.get(code, 0)))
    write(data / "airports.csv",
          "code city country name lat lon elevation_m timezone departures".split(), table)
    write(data / "places.csv", ["name", "code"], place_rows(airports, macs, chosen))
    write(data / "flights.csv",
          "flight origin destination departs arrives days fare".split(),
          sorted(flights, key=lambda r: (r[1], r[2], r[3])))


if __name__ == "__main__":
    main()
