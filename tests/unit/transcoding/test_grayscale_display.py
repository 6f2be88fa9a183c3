"""PS3.14: luminance and JND index, and what screens and film need to show P-values alike."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.transcoding.grayscale_display import (
    SCREEN,
    Display,
    density_of_p_values,
    index_of_luminance,
    luminance_of_index,
    luminance_of_p_values,
    srgb_level,
    srgb_luminance,
    srgb_table,
)

# PS3.14 table D.2-1: optical density of each P-value of 8 bits, thousandths; film from 0.20 to
# 3.00 D on a light box of 2,000 cd/m2, in 10 cd/m2 of ambient light.
TABLE_D_2_1 = """
3000 2936 2880 2828 2782 2739 2700 2662 2628 2595 2564 2534 2506 2479 2454 2429 2405 2382 2360
2338 2317 2297 2277 2258 2239 2221 2203 2185 2168 2152 2135 2119 2103 2088 2073 2058 2043 2028
2014 2000 1986 1973 1959 1946 1933 1920 1907 1894 1882 1870 1857 1845 1833 1821 1810 1798 1787
1775 1764 1753 1742 1731 1720 1709 1698 1688 1677 1667 1656 1646 1636 1626 1616 1605 1595 1586
1576 1566 1556 1547 1537 1527 1518 1508 1499 1490 1480 1471 1462 1453 1444 1434 1425 1416 1407
1398 1390 1381 1372 1363 1354 1346 1337 1328 1320 1311 1303 1294 1286 1277 1269 1260 1252 1244
1235 1227 1219 1211 1202 1194 1186 1178 1170 1162 1154 1146 1138 1130 1122 1114 1106 1098 1090
1082 1074 1066 1058 1051 1043 1035 1027 1020 1012 1004 996 989 981 973 966 958 951 943 935 928
920 913 905 898 890 883 875 868 860 853 845 838 831 823 816 808 801 794 786 779 772 764 757 750
742 735 728 721 713 706 699 692 684 677 670 663 656 648 641 634 627 620 613 606 598 591 584 577
570 563 556 549 542 534 527 520 513 506 499 492 485 478 471 464 457 450 443 436 429 422 415 408
401 394 387 380 373 366 359 352 345 338 331 324 317 311 304 297 290 283 276 269 262 255 248 241
234 228 221 214 207 200
"""


def test_the_standards_table_of_densities_comes_out() -> None:
    """Each of the 256 densities of table D.2-1, to its three decimals."""
    printed = np.array(TABLE_D_2_1.split(), dtype=float) / 1000
    assert printed.size == 256
    made = density_of_p_values(np.arange(256) / 255, least=0.2, most=3.0)
    assert np.abs(made - printed).max() <= 0.0015


def test_the_ends_of_the_standards_function() -> None:
    """Table B-1 goes from 0.0500 at index 1 to 3993.4040 at 1023; 7.1 allows 0.3 % of the log."""
    assert luminance_of_index(1.0) == pytest.approx(0.0500, abs=5e-5)
    assert np.log10(luminance_of_index(1023.0)) == pytest.approx(np.log10(3993.4040), rel=0.003)


def test_an_example_of_the_standard() -> None:
    """D.2: 12.0 cd/m2, film of 3.0 D, is index 233.32."""
    assert index_of_luminance(12.0) == pytest.approx(233.32, abs=0.05)


def test_index_and_luminance_are_each_others_inverse() -> None:
    """Within a tenth of a just noticeable difference, over the whole range."""
    index = np.arange(1.0, 1024.0)
    assert np.abs(index_of_luminance(luminance_of_index(index)) - index).max() < 0.1


def test_equal_steps_of_p_values_are_equal_steps_of_what_is_noticed() -> None:
    """Over the range of a display, whatever the display."""
    for display in (SCREEN, Display(darkest=0.5, brightest=500.0)):
        seen = luminance_of_p_values(np.linspace(0, 1, 65), display)
        steps = np.diff(index_of_luminance(seen))
        assert np.ptp(steps) < 0.1


def test_what_is_beyond_a_display_is_its_end() -> None:
    """Darker is the darkest, brighter the brightest."""
    assert luminance_of_p_values(np.array([-1.0, 2.0]), SCREEN) == pytest.approx(
        [SCREEN.darkest, SCREEN.brightest], rel=2e-3
    )


def test_the_table_for_an_srgb_screen_shows_p_values_as_the_standard_says() -> None:
    """The luminance of each byte is that of its P-value, as near as a byte can be; ends stay."""
    table = srgb_table()
    assert (table[0], table[255]) == (0, 255)
    assert (np.diff(table.astype(int)) >= 0).all()
    shown = srgb_luminance(table / 255, SCREEN)
    wanted = luminance_of_p_values(np.arange(256) / 255, SCREEN)
    step = np.diff(srgb_luminance(np.arange(256) / 255, SCREEN)).max()
    assert np.abs(shown - wanted).max() <= step / 2 + 1e-6


def test_srgb_levels_and_luminance_are_each_others_inverse() -> None:
    """IEC 61966-2-1 both ways."""
    levels = np.linspace(0, 1, 256)
    assert srgb_level(srgb_luminance(levels, SCREEN), SCREEN) == pytest.approx(levels, abs=1e-6)


def test_a_display_that_cannot_be_is_refused() -> None:
    """Brighter than the function goes, or darkest and brightest the wrong way round."""
    for darkest, brightest in ((0.01, 100.0), (1.0, 5000.0), (100.0, 1.0)):
        with pytest.raises(ValueError, match=r"0\.05 to"):
            Display(darkest=darkest, brightest=brightest)
